namespace EmailService.Mime;

/// <summary>The pieces of a structured value between which it may be folded: after white space, and after a comma, neither inside angle
/// brackets nor inside quotes. The value must be trimmed.</summary>
internal ref struct FieldPieces(ReadOnlySpan<char> value)
{
    private ReadOnlySpan<char> _rest = value;

    /// <summary>The white space before the piece; empty before the first, and after a comma that has none.</summary>
    public ReadOnlySpan<char> Gap { get; private set; }

    /// <summary>What must stay on one line.</summary>
    public ReadOnlySpan<char> Token { get; private set; }

    public bool MoveNext()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        var start = _rest.IndexOfAnyExcept(' ', '\t');
        start = start < 0 ? _rest.Length : start;
        var end = EndOf(_rest, start);
        Gap = _rest[..start];
        Token = _rest[start..end];
        _rest = _rest[end..];
        return true;
    }

    private static int EndOf(ReadOnlySpan<char> text, int at)
    {
        var closing = '\0';
        for (; at < text.Length; at++)
        {
            var c = text[at];
            if (closing != '\0')
            {
                // An escape hides the next character, in quotes (RFC 5322 §3.2.4).
                at += closing == '"' && c == '\\' ? 1 : 0;
                closing = c == closing ? '\0' : closing;
            }
            else if (c is ' ' or '\t')
            {
                return at;
            }
            else if (c == ',')
            {
                return at + 1;
            }
            else
            {
                closing = c switch { '<' => '>', '"' => '"', _ => '\0' };
            }
        }

        return text.Length;
    }
}
