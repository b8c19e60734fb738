using System.Globalization;

namespace EmailService.Smtp.Server;

/// <summary>The argument of MAIL and RCPT: a path, and parameters. RFC 5321 §4.1.1.2 and §4.1.1.3.</summary>
internal readonly record struct SmtpServerCommand(string Path, long Size, bool IsSmtpUtf8)
{
    /// <summary>Null if all is well, else the reply to give. Never throws.</summary>
    public static SmtpReply? TryRead(ReadOnlySpan<char> argument, string keyword, out SmtpServerCommand command)
    {
        command = default;
        if (!argument.StartsWith(keyword, StringComparison.OrdinalIgnoreCase))
        {
            return SmtpServerReplies.Syntax;
        }

        // A space after the colon is wrong and common.
        argument = argument[keyword.Length..].TrimStart(' ');
        if (!TryReadPath(ref argument, out var path))
        {
            return SmtpServerReplies.BadAddress;
        }

        command = new SmtpServerCommand(path, 0, false);
        foreach (var range in argument.Split(' '))
        {
            var word = argument[range];
            var equals = word.IndexOf('=');
            var name = equals < 0 ? word : word[..equals];
            var value = equals < 0 ? default : word[(equals + 1)..];
            if (name.Equals("SIZE", StringComparison.OrdinalIgnoreCase)
                && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var size))
            {
                command = command with { Size = size };
            }
            else if (name.Equals("SMTPUTF8", StringComparison.OrdinalIgnoreCase) && equals < 0)
            {
                command = command with { IsSmtpUtf8 = true };
            }
            else if (!word.IsEmpty && !IsKnownBody(name, value))
            {
                return SmtpServerReplies.Parameter;
            }
        }

        return null;
    }

    private static bool IsKnownBody(ReadOnlySpan<char> name, ReadOnlySpan<char> value) =>
        name.Equals("BODY", StringComparison.OrdinalIgnoreCase)
        && (value.Equals("7BIT", StringComparison.OrdinalIgnoreCase) || value.Equals("8BITMIME", StringComparison.OrdinalIgnoreCase));

    private static bool TryReadPath(ref ReadOnlySpan<char> argument, out string path)
    {
        path = "";
        if (!argument.StartsWith('<'))
        {
            return false;
        }

        // A closing bracket inside a quoted local part does not close.
        var quoted = false;
        var end = 1;
        while (end < argument.Length && (quoted || argument[end] != '>'))
        {
            if (quoted && argument[end] == '\\')
            {
                end++;
            }
            else if (argument[end] == '"')
            {
                quoted = !quoted;
            }

            end++;
        }

        if (end >= argument.Length)
        {
            return false;
        }

        var inner = argument[1..end];
        argument = argument[(end + 1)..];
        if (!argument.IsEmpty && argument[0] != ' ')
        {
            return false;
        }

        // RFC 5321 §4.1.1.3: source routes are accepted and passed over.
        if (inner.StartsWith('@') && inner.IndexOf(':') is var colon and > 0)
        {
            inner = inner[(colon + 1)..];
        }

        path = inner.ToString();
        return SmtpPath.IsSafe(inner);
    }
}
