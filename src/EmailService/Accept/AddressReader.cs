using System.Text.Json;
using EmailService.Messages;
using EmailService.Mime;

namespace EmailService.Accept;

/// <summary>Addresses of a request: SendGrid's <c>{"email","name"}</c>, and for the short form also
/// <c>"Name &lt;a@b&gt;"</c> or one alone where a list may stand. A "kind" is the field's name, for the texts.</summary>
internal static class AddressReader
{
    private const int MostCharactersOfName = 998;

    private static readonly FieldTable Fields = new("email", "name");

    /// <summary>SendGrid's form: an array of objects. The place is the array's.</summary>
    public static List<MailAddress> ReadObjects(JsonElement value, Problems problems, string kind)
    {
        if (!Json.IsArray(value, problems))
        {
            return [];
        }

        var addresses = new List<MailAddress>(Math.Min(value.GetArrayLength(), Recipients.MostInRequest));
        var i = 0;
        foreach (var item in value.EnumerateArray())
        {
            problems.Enter(i++);
            Add(addresses, ReadObject(item, problems, kind));
            problems.Leave();
        }

        return addresses;
    }

    /// <summary>The short form: a string, an object, or an array of either. The place is the field's.</summary>
    public static List<MailAddress> ReadAny(JsonElement value, Problems problems, string kind)
    {
        var addresses = new List<MailAddress>(1);
        if (value.ValueKind != JsonValueKind.Array)
        {
            Add(addresses, ReadOne(value, problems, kind));
            return addresses;
        }

        var i = 0;
        foreach (var item in value.EnumerateArray())
        {
            problems.Enter(i++);
            Add(addresses, ReadOne(item, problems, kind));
            problems.Leave();
        }

        return addresses;
    }

    /// <summary>A string or an object.</summary>
    public static MailAddress? ReadOne(JsonElement value, Problems problems, string kind)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return ReadObject(value, problems, kind);
        }

        if (!Json.TryGetText(value, problems, null, out var text))
        {
            return null;
        }

        if (!Mailbox.TryParse(text, out var mailbox, out var problem))
        {
            problems.Add(Invalid(kind), null, $"Found {Problems.Show(text)}. {SeveralAddresses.Explain(text, kind) ?? problem}");
            return null;
        }

        return HasGoodName(mailbox.DisplayName, problems, null)
            ? new MailAddress(Text(mailbox.Address, text), mailbox.DisplayName)
            : null;
    }

    /// <summary>SendGrid's object.</summary>
    public static MailAddress? ReadObject(JsonElement value, Problems problems, string kind)
    {
        if (!Json.IsObject(value, problems))
        {
            return null;
        }

        JsonElement email = default, name = default;
        var unknown = false;
        foreach (var property in value.EnumerateObject())
        {
            var key = Json.Name(property);
            if (key.SequenceEqual("email"u8))
            {
                Once(ref email, property, "email", problems);
            }
            else if (key.SequenceEqual("name"u8))
            {
                Once(ref name, property, "name", problems);
            }
            else
            {
                unknown = true;
            }
        }

        // Apart from the loop, which a thousand recipients go through: a table would make an array for each.
        if (unknown && problems.Api == SendApi.V1)
        {
            Fields.RefuseUnknown(value, problems);
        }

        var address = ReadEmail(email, problems, kind);
        string? display = null;
        if (!Json.IsAbsent(name))
        {
            if (!Json.TryGetText(name, problems, "name", out display) || !HasGoodName(display, problems, "name"))
            {
                return null;
            }
        }

        return address is null ? null : new MailAddress(address, string.IsNullOrEmpty(display) ? null : display);
    }

    private static string? ReadEmail(JsonElement email, Problems problems, string kind)
    {
        if (Json.IsAbsent(email))
        {
            problems.Add(kind == "from" ? Texts.FromMissing : $"The {kind} email parameter is required.", "email");
            return null;
        }

        if (!Json.TryGetText(email, problems, "email", out var text))
        {
            return null;
        }

        if (!EmailAddress.TryParse(text.AsSpan().Trim(), out var address, out var problem))
        {
            problems.Add(Invalid(kind), "email", $"Found {Problems.Show(text)}. {SeveralAddresses.Explain(text, kind) ?? problem}");
            return null;
        }

        return Text(address, text);
    }

    /// <summary>Null when a header can hold the address and its name: for one that substitutions made.</summary>
    public static string? WhatIsWrong(MailAddress made) =>
        !EmailAddress.TryParse(made.Email, out _, out var problem) ? $"Found {Problems.Show(made.Email)}. {problem}"
        : made.Name is { Length: > MostCharactersOfName } name ? $"The name has {name.Length} characters; {MostCharactersOfName} is the most."
        : HeaderRules.HasControl(made.Name) ? Texts.LineBreak
        : null;

    private static string Invalid(string kind) => kind == "from" ? Texts.FromInvalid : Texts.AddressInvalid;

    /// <summary>Most addresses are already written as they go over the wire.</summary>
    private static string Text(EmailAddress address, string given)
    {
        var wire = address.ToString();
        return wire == given ? given : wire;
    }

    private static bool HasGoodName(string? name, Problems problems, string? field)
    {
        if (name is null)
        {
            return true;
        }

        if (name.Length > MostCharactersOfName)
        {
            problems.Add($"The name has {name.Length} characters; {MostCharactersOfName} is the most.", field);
            return false;
        }

        if (HeaderRules.HasControl(name))
        {
            problems.Add(Texts.LineBreak, field);
            return false;
        }

        return true;
    }

    private static void Once(ref JsonElement slot, JsonProperty property, string name, Problems problems)
    {
        if (slot.ValueKind != JsonValueKind.Undefined)
        {
            problems.Add(Texts.GivenTwice, name);
        }

        slot = property.Value;
    }

    private static void Add(List<MailAddress> addresses, MailAddress? address)
    {
        // More are only counted, not kept: the request is refused anyway.
        if (address is not null && addresses.Count <= Recipients.MostInRequest)
        {
            addresses.Add(address);
        }
    }
}
