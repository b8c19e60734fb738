using System.Text.Json;

namespace EmailService.Accept;

/// <summary>Fields that ask for something besides sending. What we do is read; what we do not do yet is refused when it is
/// asked for, and passed over when it is switched off: a request never means more than what happens.</summary>
internal static class SettingsReader
{
    private static readonly FieldTable MailSettings = new("sandbox_mode", "footer", "bcc", "spam_check",
        "bypass_list_management", "bypass_spam_management", "bypass_bounce_management", "bypass_unsubscribe_management");

    private static readonly string[] MailSettingNames = ["sandbox_mode", "footer", "bcc", "spam_check",
        "bypass_list_management", "bypass_spam_management", "bypass_bounce_management", "bypass_unsubscribe_management"];

    private static readonly string[] TrackingSettingNames =
        ["click_tracking", "open_tracking", "subscription_tracking", "ganalytics"];

    private static readonly FieldTable TrackingSettings = new(TrackingSettingNames);

    private static readonly FieldTable Switch = new("enable", "enable_text");

    /// <summary>Returns whether sandbox mode is on.</summary>
    public static bool ReadMailSettings(JsonElement value, Problems problems)
    {
        var sandbox = false;
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems, "mail_settings"))
        {
            return false;
        }

        problems.Enter("mail_settings");
        var slots = MailSettings.Read(value, problems);
        for (var i = 0; i < slots.Length; i++)
        {
            var enabled = IsEnabled(slots[i], MailSettingNames[i], problems);
            if (i == 0)
            {
                sandbox = enabled;
            }
            else if (enabled && !MailSettingNames[i].StartsWith("bypass_", StringComparison.Ordinal))
            {
                // To bypass a list is granted: there is none yet.
                AddNotYet(MailSettingNames[i], problems);
            }
        }

        problems.Leave();
        return sandbox;
    }

    public static void ReadTrackingSettings(JsonElement value, Problems problems)
    {
        if (Json.IsAbsent(value) || !Json.IsObject(value, problems, "tracking_settings"))
        {
            return;
        }

        problems.Enter("tracking_settings");
        var slots = TrackingSettings.Read(value, problems);
        for (var i = 0; i < slots.Length; i++)
        {
            if (IsEnabled(slots[i], TrackingSettingNames[i], problems))
            {
                AddNotYet(TrackingSettingNames[i], problems);
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

    private static bool IsEnabled(JsonElement setting, string name, Problems problems)
    {
        if (Json.IsAbsent(setting) || !Json.IsObject(setting, problems, name))
        {
            return false;
        }

        var enable = Switch.Read(setting, problems)[0];
        if (enable.ValueKind is JsonValueKind.True or JsonValueKind.False || Json.IsAbsent(enable))
        {
            return enable.ValueKind == JsonValueKind.True;
        }

        problems.Enter(name);
        problems.Add($"The {name.Replace('_', ' ')} enable param should be a boolean value.", "enable", $"Found {Json.TypeName(enable)}.");
        problems.Leave();
        return false;
    }

    private static void AddNotYet(string name, Problems problems)
    {
        problems.Enter(name);
        problems.Add($"{name} is not supported yet, so it cannot be switched on.", "enable", "Set enable to false or leave the setting out.");
        problems.Leave();
    }
}
