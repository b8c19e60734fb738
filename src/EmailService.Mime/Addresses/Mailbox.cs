using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace EmailService.Mime;

/// <summary>An address and the name to show with it (RFC 5322 §3.4).</summary>
/// <param name="Address">Where the mail goes.</param>
/// <param name="DisplayName">The name as people write it: no quotes, no encoding. Null, empty or blank shows none.</param>
public sealed record Mailbox(EmailAddress Address, string? DisplayName)
{
    /// <summary>Reads <c>a@b.example</c>, <c>Name &lt;a@b.example&gt;</c> or <c>"Na, me" &lt;a@b.example&gt;</c> as a person or a
    /// program writes it in a request.</summary>
    /// <param name="text">The mailbox; white space around it does not matter.</param>
    /// <param name="mailbox">The mailbox, when the answer is true.</param>
    /// <param name="problem">What is wrong, when the answer is false.</param>
    /// <returns>Whether it is one mailbox.</returns>
    public static bool TryParse(
        ReadOnlySpan<char> text,
        [NotNullWhen(true)] out Mailbox? mailbox,
        [NotNullWhen(false)] out string? problem)
    {
        mailbox = null;
        text = text.Trim();
        string? name = null;
        if (text.Length > 0 && text[^1] == '>')
        {
            // The local part may have a '<' of its own, in quotes only; so may the name.
            var open = FindAngle(text);
            if (open < 0)
            {
                problem = "The address has a > without a <.";
                return false;
            }

            name = Unquote(text[..open].Trim());
            text = text[(open + 1)..^1];
        }

        if (!EmailAddress.TryParse(text, out var address, out problem))
        {
            return false;
        }

        mailbox = new Mailbox(address, string.IsNullOrEmpty(name) ? null : name);
        return true;
    }

    /// <summary>For people and logs, not for the wire: <c>Name &lt;address&gt;</c>.</summary>
    /// <returns>The mailbox as text.</returns>
    public override string ToString() => DisplayName is null ? Address.ToString() : $"{DisplayName} <{Address}>";

    private static int FindAngle(ReadOnlySpan<char> text)
    {
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\' when quoted:
                    i++;
                    break;
                case '"':
                    quoted = !quoted;
                    break;
                case '<' when !quoted:
                    return i;
            }
        }

        return -1;
    }

    private static string Unquote(ReadOnlySpan<char> name)
    {
        if (name.Length < 2 || name[0] != '"' || name[^1] != '"')
        {
            return name.ToString();
        }

        var plain = new StringBuilder(name.Length);
        for (var i = 1; i < name.Length - 1; i++)
        {
            if (name[i] == '\\' && i + 1 < name.Length - 1)
            {
                i++;
            }

            plain.Append(name[i]);
        }

        return plain.ToString();
    }
}
