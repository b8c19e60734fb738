using System.Buffers;
using System.Globalization;
using System.Text;

namespace EmailService.Mime;

/// <summary>Reads <c>value; name=value; name="value"; name*=charset''value; name*0=…</c>: RFC 2045 §5.1, RFC 2231, and what
/// senders make of them.</summary>
internal ref struct ParameterScanner(string text)
{
    private const int MaxParameters = 200;

    private readonly ReadOnlySpan<char> _text = text;
    private int _at;

    /// <summary>What stands before the first semicolon, comments left out.</summary>
    public string ReadValue()
    {
        var value = new StringBuilder();
        while (_at < _text.Length && _text[_at] != ';')
        {
            if (_text[_at] == '(')
            {
                SkipComment();
                continue;
            }

            value.Append(_text[_at++]);
        }

        return value.ToString();
    }

    /// <summary>The rest, with sections put together and charsets decoded.</summary>
    public Dictionary<string, string> ReadParameters(out bool wellFormed)
    {
        wellFormed = true;
        var plain = new Dictionary<string, string>(StringComparer.Ordinal);
        List<Section>? sections = null;
        for (var count = 0; _at < _text.Length && count < MaxParameters; count++)
        {
            _at++;
            SkipSpace();
            if (_at >= _text.Length)
            {
                break;
            }

            var name = ReadName();
            if (_at >= _text.Length || _text[_at] != '=')
            {
                wellFormed &= name.Length == 0;
                SkipToSemicolon();
                continue;
            }

            _at++;
            SkipSpace();
            var isQuoted = _at < _text.Length && _text[_at] == '"';
            var value = isQuoted ? ReadQuoted(ref wellFormed) : ReadToken();
            wellFormed &= name.Length > 0 && (isQuoted || value.Length > 0);
            if (name.IndexOf('*', StringComparison.Ordinal) > 0)
            {
                (sections ??= []).Add(Section.From(name, value));
            }
            else
            {
                // What looks like an encoded-word is none in a parameter (RFC 2047 §5).
                plain.TryAdd(name, value);
            }

            SkipToSemicolon();
        }

        return sections is null ? plain : Section.Merge(plain, sections);
    }

    private string ReadName()
    {
        var start = _at;
        while (_at < _text.Length && _text[_at] is not ('=' or ';'))
        {
            _at++;
        }

        return _text[start.._at].Trim(" \t").ToString().ToLowerInvariant();
    }

    private string ReadToken()
    {
        // To the semicolon: senders forget the quotes around names with spaces.
        var start = _at;
        while (_at < _text.Length && _text[_at] is not (';' or '('))
        {
            _at++;
        }

        return _text[start.._at].Trim(" \t").ToString();
    }

    private string ReadQuoted(ref bool wellFormed)
    {
        var value = new StringBuilder();
        for (_at++; _at < _text.Length && _text[_at] != '"'; _at++)
        {
            // A backslash before anything but a quote or another is a path written by a careless program.
            if (_text[_at] == '\\' && _at + 1 < _text.Length && _text[_at + 1] is '"' or '\\')
            {
                _at++;
            }

            value.Append(_text[_at]);
        }

        wellFormed &= _at < _text.Length;
        _at = Math.Min(_at + 1, _text.Length);
        return value.ToString();
    }

    private void SkipComment()
    {
        var depth = 0;
        for (; _at < _text.Length; _at++)
        {
            depth += _text[_at] switch { '(' => 1, ')' => -1, _ => 0 };
            if (depth == 0)
            {
                _at++;
                return;
            }
        }
    }

    private void SkipSpace()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t')
        {
            _at++;
        }
    }

    private void SkipToSemicolon()
    {
        var next = _text[_at..].IndexOf(';');
        _at = next < 0 ? _text.Length : _at + next;
    }

    /// <summary>One parameter whose name has a star: <c>name*</c>, <c>name*0</c> or <c>name*0*</c>.</summary>
    private sealed record Section(string Name, int Number, bool IsExtended, string Value)
    {
        public static Section From(string name, string value)
        {
            var star = name.IndexOf('*', StringComparison.Ordinal);
            var tail = name.AsSpan(star + 1);
            var isExtended = tail.IsEmpty || tail[^1] == '*';
            int.TryParse(tail.TrimEnd('*'), NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            return new Section(name[..star], number, isExtended, value);
        }

        /// <summary>A value in sections or with a charset says more than the plain one beside it and replaces it.</summary>
        public static Dictionary<string, string> Merge(Dictionary<string, string> plain, List<Section> sections)
        {
            foreach (var group in sections.GroupBy(section => section.Name))
            {
                var octets = new ArrayBufferWriter<byte>();
                string? charset = null;
                var number = 0;
                foreach (var section in group.OrderBy(section => section.Number))
                {
                    // RFC 2231 §3: sections count from 0; after a gap or a repetition, nothing is sure.
                    if (section.Number != number)
                    {
                        continue;
                    }

                    var value = section.Value.AsSpan();
                    if (section.IsExtended && number == 0)
                    {
                        charset = SplitCharset(ref value);
                    }

                    Append(octets, value, section.IsExtended);
                    number++;
                }

                plain[group.Key] = Charsets.Decode(charset ?? "utf-8", octets.WrittenSpan);
            }

            return plain;
        }

        private static string? SplitCharset(ref ReadOnlySpan<char> value)
        {
            var first = value.IndexOf('\'');
            var second = first < 0 ? -1 : value[(first + 1)..].IndexOf('\'');
            if (second < 0)
            {
                return null;
            }

            var charset = value[..first].ToString();
            value = value[(first + second + 2)..];
            return charset.Length == 0 ? null : charset;
        }

        private static void Append(ArrayBufferWriter<byte> octets, ReadOnlySpan<char> value, bool isExtended)
        {
            var raw = Encoding.UTF8.GetBytes(value.ToString());
            if (isExtended)
            {
                Percent(raw, octets);
            }
            else
            {
                octets.Write(raw);
            }
        }

        /// <summary>RFC 2231 §4. A percent sign that begins nothing stays.</summary>
        private static void Percent(ReadOnlySpan<byte> source, ArrayBufferWriter<byte> output)
        {
            for (var i = 0; i < source.Length; i++)
            {
                var octet = source[i];
                if (octet == '%' && i + 2 < source.Length && Hex.Value(source[i + 1]) is var high and >= 0
                    && Hex.Value(source[i + 2]) is var low and >= 0)
                {
                    octet = (byte)((high << 4) | low);
                    i += 2;
                }

                output.Write([octet]);
            }
        }
    }
}
