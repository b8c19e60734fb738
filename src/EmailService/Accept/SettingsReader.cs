using System.Text.Json;
using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>Fields that ask for something besides sending. What we do is read; what we do not do yet is refused when it is
/// asked for, and passed over when it is switched off: a request never means more than what happens.</summary>
internal static class SettingsReader
{
    private const string BypassAll = "bypass_list_management";

    /// <summary>A setting: the fields that it may have, its switch first, and for one that lets mail pass lists, which.</summary>
    private sealed record Setting(string Name, FieldTable Fields, SuppressionLists Bypasses = SuppressionLists.None);

    private static readonly Setting[] MailSettings =
    [
        new("sandbox_mode", new FieldTable("enable")),
        new(BypassAll, new FieldTable("enable"), SuppressionLists.All),
        new("bypass_bounce_management", new FieldTable("enable"), SuppressionLists.Bounces),
        new("bypass_spam_management", new FieldTable("enable"), SuppressionLists.SpamReports),
        // Of all mail: groups have settings of their own, which only bypass_list_management overrides.
        new("bypass_unsubscribe_management", new FieldTable("enable"), SuppressionLists.Unsubscribes),
        new("footer", new FieldTable("enable", "text", "html")),
        new("bcc", new FieldTable("enable", "email")),
        new("spam_check", new FieldTable("enable", "threshold", "post_to_url")),
    ];

    private static readonly Setting[] TrackingSettings =
    [
        new("click_tracking", new FieldTable("enable", "enable_text")),
        new("open_tracking", new FieldTable("enable", "substitution_tag")),
        new("subscription_tracking", new FieldTable("enable", "text", "html", "substitution_tag")),
        new("ganalytics", new FieldTable("enable", "utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign")),
    ];

    private static readonly FieldTable MailSettingNames = new([.. MailSettings.Select(setting => setting.Name)]);

    private static readonly FieldTable TrackingSettingNames = new([.. TrackingSettings.Select(setting => setting.Name)]);

    /// <summary>Whether sandbox mode is on, and which lists of suppressed addresses do not hold the mail back.</summary>
    public static (bool Sandbox, SuppressionLists Bypassed) ReadMailSettings(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems, "mail_settings"))
        {
            return default;
        }

        var sandbox = false;
        var bypassed = SuppressionLists.None;
        var bypasses = 0;
        problems.Enter("mail_settings");
        var slots = MailSettingNames.Read(value, problems);
        for (var i = 0; i < slots.Length; i++)
        {
            var setting = MailSettings[i];
            if (!IsEnabled(slots[i], setting, problems))
            {
                continue;
            }

            if (i == 0)
            {
                sandbox = true;
            }
            else if (setting.Bypasses == SuppressionLists.None)
            {
                AddNotYet(setting.Name, problems);
            }

            bypassed |= setting.Bypasses;
            bypasses += setting.Bypasses == SuppressionLists.None ? 0 : 1;
        }

        if (bypassed == SuppressionLists.All && bypasses > 1)
        {
            problems.Add($"{BypassAll} bypasses every list and cannot be combined with the other bypass settings.", BypassAll,
                "Enable it alone, or leave it out and enable those that are meant.");
        }

        problems.Leave();
        return (sandbox, bypassed);
    }

    public static void ReadTrackingSettings(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems, "tracking_settings"))
        {
            return;
        }

        problems.Enter("tracking_settings");
        var slots = TrackingSettingNames.Read(value, problems);
        for (var i = 0; i < slots.Length; i++)
        {
            if (IsEnabled(slots[i], TrackingSettings[i], problems))
            {
                AddNotYet(TrackingSettings[i].Name, problems);
            }
        }

        problems.Leave();
    }

    /// <summary>A field that we do not act on yet: refused unless it says nothing.</summary>
    public static void RefuseUnlessEmpty(JsonElement value, string field, string message, Problems problems)
    {
        var saysNothing = value.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.False => true,
            JsonValueKind.String => value.ValueEquals(""u8),
            JsonValueKind.Array => value.GetArrayLength() == 0,
            JsonValueKind.Object => !value.EnumerateObject().Any(),
            _ => false,
        };
        if (!saysNothing)
        {
            problems.Add(message, field, "Leave the field out.");
        }
    }

    private static bool IsEnabled(JsonElement value, Setting setting, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems, setting.Name))
        {
            return false;
        }

        problems.Enter(setting.Name);
        var enable = setting.Fields.Read(value, problems)[0];
        if (enable.ValueKind is not (JsonValueKind.True or JsonValueKind.False) && !Json.IsAbsent(enable))
        {
            problems.Add($"The {setting.Name.Replace('_', ' ')} enable param should be a boolean value.", "enable", $"Found {Json.TypeName(enable)}.");
        }

        problems.Leave();
        return enable.ValueKind == JsonValueKind.True;
    }

    private static void AddNotYet(string name, Problems problems)
    {
        problems.Enter(name);
        problems.Add($"{name} is not supported yet, so it cannot be switched on.", "enable", "Set enable to false or leave the setting out.");
        problems.Leave();
    }
}
