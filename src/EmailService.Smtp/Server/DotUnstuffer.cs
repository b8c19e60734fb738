using System.Buffers;

namespace EmailService.Smtp.Server;

/// <summary>Takes content off the wire until its final dot, however it is cut into pieces. RFC 5321 §4.5.2.</summary>
/// <remarks>Only CRLF ends a line here. A server that also took LF would find an end that a stricter relay
/// before it had passed as content, and a second message could be smuggled in.</remarks>
internal struct DotUnstuffer()
{
    private State _state = State.LineStart;

    private enum State
    {
        Inside,
        AfterCr,
        LineStart,
        AfterDot,
        AfterDotCr,
        Done,
    }

    /// <summary>Copies content to <paramref name="target"/>, or drops it if that is null.</summary>
    /// <param name="source">What was received; what belongs to the content or its end is cut off.</param>
    /// <param name="target">Where to, or null.</param>
    /// <returns>True once the final dot and its CRLF were taken.</returns>
    public bool Copy(ref ReadOnlySpan<byte> source, ArrayBufferWriter<byte>? target)
    {
        while (!source.IsEmpty && _state != State.Done)
        {
            var next = source[0];
            switch (_state)
            {
                case State.LineStart when next == '.':
                    _state = State.AfterDot;
                    source = source[1..];
                    break;
                case State.AfterDot when next == '\r':
                    _state = State.AfterDotCr;
                    source = source[1..];
                    break;
                case State.AfterDotCr when next == '\n':
                    _state = State.Done;
                    source = source[1..];
                    break;
                case State.AfterDotCr:
                    // A line that starts with a dot and a CR that ends nothing: the dot goes, the CR stays.
                    target?.Write("\r"u8);
                    _state = State.AfterCr;
                    break;
                case State.AfterCr when next == '\n':
                    target?.Write("\n"u8);
                    _state = State.LineStart;
                    source = source[1..];
                    break;
                case State.Inside or State.AfterCr or State.LineStart or State.AfterDot:
                    CopyLines(ref source, target);
                    break;
            }
        }

        return _state == State.Done;
    }

    private void CopyLines(ref ReadOnlySpan<byte> source, ArrayBufferWriter<byte>? target)
    {
        var end = source.IndexOf("\r\n."u8);
        var take = end < 0 ? source.Length : end + 2;
        var lines = source[..take];
        target?.Write(lines);
        source = source[take..];
        _state = lines.EndsWith("\r\n"u8) ? State.LineStart : lines[^1] == '\r' ? State.AfterCr : State.Inside;
    }
}
