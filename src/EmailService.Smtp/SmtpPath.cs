namespace EmailService.Smtp;

/// <summary>What may stand between the angle brackets of MAIL and RCPT. RFC 5321 §4.1.2.</summary>
public static class SmtpPath
{
    /// <summary>Most octets of a path that we put on a command line. RFC 5321 §4.5.3.1.3 asks for 256; UTF-8 takes more.</summary>
    public const int MaxBytes = 1000;

    private const string LineBreaks = "\u2028\u2029";

    /// <summary>True if the path can be written into a command without ending it or adding a parameter to it.</summary>
    /// <param name="path"><c>local@domain</c>, without angle brackets.</param>
    /// <returns>False for control characters, for spaces and angle brackets outside a quoted local part, and for a path that is too long.</returns>
    public static bool IsSafe(ReadOnlySpan<char> path)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(path) > MaxBytes || path.ContainsAny(LineBreaks) || HasControl(path))
        {
            return false;
        }

        // Quotes only around a whole local part: RFC 5321 has no dotted mixture of words.
        if (path.StartsWith('"'))
        {
            var at = 1;
            while (at < path.Length && path[at] != '"')
            {
                at += path[at] == '\\' ? 2 : 1;
            }

            if (at >= path.Length - 1 || path[at + 1] != '@')
            {
                return false;
            }

            path = path[(at + 1)..];
        }

        return !path.ContainsAny(" <>\"");
    }

    /// <summary>True if every character is ASCII, so that SMTPUTF8 is not needed for it. RFC 6531 §3.2.</summary>
    /// <param name="path">A path without angle brackets.</param>
    /// <returns>True for ASCII alone.</returns>
    public static bool IsAscii(ReadOnlySpan<char> path) => System.Text.Ascii.IsValid(path);

    private static bool HasControl(ReadOnlySpan<char> path)
    {
        foreach (var c in path)
        {
            if (char.IsControl(c))
            {
                return true;
            }
        }

        return false;
    }
}
