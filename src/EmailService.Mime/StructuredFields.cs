using System.Buffers;
using System.Collections.Frozen;
using System.Text;

namespace EmailService.Mime;

/// <summary>Header fields that have a grammar of their own (RFC 5322 §2.2.2): programs read them, and an encoded-word in one is a fault
/// (RFC 2047 §5) that costs threading or the one-click unsubscribe without a word. Their values are trimmed and go out as they are given,
/// folded only between tokens. What cannot go out so is refused, with the reason.</summary>
internal static class StructuredFields
{
    /// <summary>RFC 5322 §2.1.1: 998 octets to a line, one of them the space that a folded line begins with.</summary>
    public const int MaxToken = 997;

    private static readonly FrozenDictionary<string, FieldGrammar> Known = Names().ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    private static readonly SearchValues<char> Printable =
        SearchValues.Create([.. Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c), '\t']);

    public static FieldGrammar GrammarOf(string name) => Known.GetValueOrDefault(name, FieldGrammar.Unstructured);

    /// <summary>Whether a field of this name would have to hold something, and holds nothing but blanks.</summary>
    public static bool IsEmpty(string name, string value) =>
        value.AsSpan().Trim(" \t").IsEmpty && GrammarOf(name) != FieldGrammar.Unstructured;

    /// <summary>Null when a field of this name can hold the value, else a sentence for the person who gave it.</summary>
    public static string? WhatIsWrong(string name, string value)
    {
        var grammar = GrammarOf(name);
        if (grammar == FieldGrammar.Unstructured)
        {
            return null;
        }

        var trimmed = value.AsSpan().Trim(" \t");
        if (grammar == FieldGrammar.Sender)
        {
            // Read by us and written anew, so that no list of names hides behind one address.
            return TryReadMailbox(trimmed, out _) ? null : $"The {name} must be one mailbox, such as Shop <shop@example.com>, with an ASCII address.";
        }

        if (!Ascii.IsValid(trimmed))
        {
            return grammar switch
            {
                FieldGrammar.ListId when TryReadListId(trimmed, out _, out var id) => TooLong(name, id),
                FieldGrammar.Mailbox when TryReadMailbox(trimmed, out _) => null,
                _ => NotAscii(name, trimmed, grammar),
            };
        }

        return trimmed.IndexOfAnyExcept(Printable) >= 0
            ? $"{name} is read by programs and may have no control character."
            : TooLong(name, trimmed);
    }

    /// <summary>A phrase and an identifier in angle brackets (RFC 2919 §3), the phrase without the quotes it may be given in.</summary>
    public static bool TryReadListId(ReadOnlySpan<char> value, out string phrase, out ReadOnlySpan<char> id)
    {
        phrase = "";
        id = default;
        var bracket = value.LastIndexOf('<');
        if (bracket < 1 || value[^1] != '>' || !Ascii.IsValid(value[bracket..]))
        {
            return false;
        }

        id = value[bracket..];
        var words = value[..bracket].Trim(" \t");
        if (words is ['"', .. var quoted, '"'])
        {
            words = quoted.ToString().Replace("\\\"", "\"", StringComparison.Ordinal).Replace("\\\\", "\\", StringComparison.Ordinal);
        }

        phrase = words.ToString();
        return phrase.Trim().Length > 0;
    }

    /// <summary>One mailbox whose name may be in any script and whose address is ASCII.</summary>
    public static bool TryReadMailbox(ReadOnlySpan<char> value, out Mailbox? mailbox) =>
        Mailbox.TryParse(value.ToString(), out mailbox, out _) && !mailbox.Address.NeedsSmtpUtf8;

    private static string? TooLong(string name, ReadOnlySpan<char> value)
    {
        var pieces = new FieldPieces(value);
        while (pieces.MoveNext())
        {
            if (pieces.Token.Length > MaxToken)
            {
                return $"{name} has a token of {pieces.Token.Length} octets, and no line of a mail may have more than 998 (RFC 5322 §2.1.1). "
                    + $"Such a field is folded only at white space and commas, so a token may have {MaxToken}.";
            }
        }

        return null;
    }

    private static string NotAscii(string name, ReadOnlySpan<char> value, FieldGrammar grammar)
    {
        var at = 0;
        while (value[at] < 0x80)
        {
            at++;
        }

        Rune.DecodeFromUtf16(value[at..], out var found, out _);
        var help = grammar switch
        {
            FieldGrammar.ListId => "Only the words before the <identifier> may be in another script.",
            FieldGrammar.Mailbox => "Only the name of a single mailbox, \"Name <user@example.com>\", may be in another script.",
            _ => "Write URLs with percent signs (%C3%A9), domains as A-labels (xn--).",
        };
        return $"{name} is read by programs and must be ASCII: found U+{found.Value:X4} at character {at + 1}. It can't be encoded there (RFC 2047 §5). {help}";
    }

    private static IEnumerable<KeyValuePair<string, FieldGrammar>> Names()
    {
        string[] tokens =
        [
            "In-Reply-To", "References", "Supersedes", // RFC 5322 §3.6.4; RFC 2156
            "List-Help", "List-Unsubscribe", "List-Subscribe", "List-Post", "List-Owner", "List-Archive", // RFC 2369
            "List-Unsubscribe-Post", // RFC 8058
            "Archived-At", // RFC 5064
            "Auto-Submitted", // RFC 3834
            "Precedence", "Importance", "Priority", "Sensitivity", "Expires", "Reply-By", // RFC 2076, RFC 2156
            "Content-Language", "Accept-Language", // RFC 3282
            "Disposition-Notification-Options", // RFC 8098
            "Require-Recipient-Valid-Since", // RFC 7293
            "TLS-Required", // RFC 8689
            "MT-Priority", // RFC 6758
            "CFBL-Address", "CFBL-Feedback-ID", // RFC 9477
            "BIMI-Selector", "Autocrypt",

            // In no RFC, and read by programs all the same.
            "Feedback-ID", "X-Entity-Ref-ID", "X-Auto-Response-Suppress", "X-Priority", "X-MSMail-Priority", "Thread-Index", "Content-Class",
        ];
        string[] mailboxes = ["Disposition-Notification-To", "Return-Receipt-To", "X-Confirm-Reading-To", "Errors-To"];
        return
        [
            .. tokens.Select(name => KeyValuePair.Create(name, FieldGrammar.Tokens)),
            .. mailboxes.Select(name => KeyValuePair.Create(name, FieldGrammar.Mailbox)),
            KeyValuePair.Create("List-Id", FieldGrammar.ListId),
            KeyValuePair.Create("Sender", FieldGrammar.Sender),
        ];
    }
}

/// <summary>How the value of a header field is built.</summary>
internal enum FieldGrammar
{
    /// <summary>Free text for people (RFC 5322 §2.2.1): encoded where it must be.</summary>
    Unstructured,

    /// <summary>Tokens, identifiers and URLs: never encoded.</summary>
    Tokens,

    /// <summary>RFC 2919: the phrase may be encoded, the identifier not.</summary>
    ListId,

    /// <summary>RFC 5322 §3.4: of a single one the name may be encoded, the address not.</summary>
    Mailbox,

    /// <summary>RFC 5322 §3.6.2: one mailbox and no more.</summary>
    Sender,
}
