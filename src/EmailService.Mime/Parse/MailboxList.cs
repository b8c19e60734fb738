using System.Text;

namespace EmailService.Mime;

/// <summary>Takes an address field apart as senders write it.</summary>
internal static class MailboxList
{
    private const int MaxMailboxes = 10_000;

    public static List<Mailbox> Parse(string value)
    {
        var mailboxes = new List<Mailbox>();
        var name = new StringBuilder();
        var wasQuoted = false;
        string? address = null;
        for (var i = 0; i < value.Length && mailboxes.Count < MaxMailboxes;)
        {
            switch (value[i])
            {
                case '"':
                    wasQuoted = true;
                    i = ReadQuoted(value, i, name);
                    break;
                case '(':
                    i = SkipComment(value, i);
                    break;
                case '<':
                    var close = FindClose(value, i + 1);
                    address = value[(i + 1)..close];
                    i = close + 1;
                    break;

                // A group: its name ends here and means nothing to us.
                case ':':
                    name.Clear();
                    i++;
                    break;
                case ',' or ';':
                    Flush();
                    i++;
                    break;
                default:
                    name.Append(value[i++]);
                    break;
            }
        }

        Flush();
        return mailboxes;

        void Flush()
        {
            // Space around a name belongs to nobody, except inside encoded-words, which are still encoded here.
            var text = wasQuoted ? name.ToString() : name.ToString().Trim(' ', '\t');
            if (address is null)
            {
                if (EmailAddress.TryParse(text.Trim(' ', '\t'), allowLiteral: true, out var bare, out _))
                {
                    mailboxes.Add(new Mailbox(bare, null));
                }
            }
            else if (EmailAddress.TryParse(address.AsSpan().Trim(), allowLiteral: true, out var parsed, out _))
            {
                var shown = MimeHeader.Decode(wasQuoted ? text.Trim(' ', '\t') : text);
                mailboxes.Add(new Mailbox(parsed, shown.Length == 0 ? null : shown));
            }

            name.Clear();
            wasQuoted = false;
            address = null;
        }
    }

    /// <summary>Adds the quoted text without its quotes, unless it is a local part, which needs them.</summary>
    private static int ReadQuoted(string value, int start, StringBuilder name)
    {
        var from = name.Length;
        var i = start + 1;
        for (; i < value.Length && value[i] != '"'; i++)
        {
            if (value[i] == '\\' && i + 1 < value.Length)
            {
                i++;
            }

            name.Append(value[i]);
        }

        i = Math.Min(i + 1, value.Length);
        if (i < value.Length && value[i] == '@')
        {
            name.Length = from;
            name.Append(value, start, i - start);
        }

        return i;
    }

    private static int SkipComment(string value, int at)
    {
        var depth = 0;
        for (; at < value.Length; at++)
        {
            switch (value[at])
            {
                case '\\':
                    at++;
                    break;
                case '(':
                    depth++;
                    break;
                case ')' when --depth == 0:
                    return at + 1;
            }
        }

        return value.Length;
    }

    private static int FindClose(string value, int at)
    {
        var quoted = false;
        for (; at < value.Length; at++)
        {
            switch (value[at])
            {
                case '\\' when quoted:
                    at++;
                    break;
                case '"':
                    quoted = !quoted;
                    break;
                case '>' when !quoted:
                    return at;
            }
        }

        return value.Length;
    }
}
