namespace EmailService.Smtp.Client;

/// <summary>Copies content and doubles each dot at the start of a line, across segments. RFC 5321 §4.5.2.</summary>
/// <remarks>A line starts after any LF, also one without CR: otherwise content could end itself at a host that takes LF for a line end.</remarks>
internal struct DotStuffer()
{
    private bool _atLineStart = true;

    /// <summary>Copies as much of <paramref name="source"/> as fits.</summary>
    /// <param name="source">The rest of a segment; what was copied is cut off.</param>
    /// <param name="target">At least two bytes.</param>
    /// <returns>How many bytes were written.</returns>
    public int Copy(ref ReadOnlySpan<byte> source, Span<byte> target)
    {
        var written = 0;
        while (!source.IsEmpty && written < target.Length)
        {
            if (_atLineStart && source[0] == (byte)'.')
            {
                if (target.Length - written < 2)
                {
                    break;
                }

                target[written++] = (byte)'.';
                target[written++] = (byte)'.';
                source = source[1..];
                _atLineStart = false;
                continue;
            }

            // Up to and with the LF before the next dot that needs doubling, in one vectorised scan and one copy.
            var room = Math.Min(source.Length, target.Length - written);
            var dot = source[..room].IndexOf("\n."u8);
            var take = dot < 0 ? room : dot + 1;
            source[..take].CopyTo(target[written..]);
            written += take;
            _atLineStart = source[take - 1] == (byte)'\n';
            source = source[take..];
        }

        return written;
    }
}
