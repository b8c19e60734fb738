namespace EmailService.Smtp.Server;

/// <summary>Whether a line is HTTP and no command. A web page can have a browser send what it likes to a port on loopback, and a request whose body is SMTP would
/// be obeyed from the body on, if the server only complained about the lines before it. Pure.</summary>
internal static class HttpLine
{
    // RFC 9110 §9, RFC 5789, RFC 9113 §3.4 (PRI), and WebDAV's that browsers send.
    private static readonly HashSet<string> Methods = new(StringComparer.OrdinalIgnoreCase)
    {
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI", "PROPFIND",
    };

    public static bool Is(ReadOnlySpan<char> line)
    {
        line = line.TrimEnd();
        var space = line.IndexOf(' ');
        return Methods.GetAlternateLookup<ReadOnlySpan<char>>().Contains(space < 0 ? line : line[..space])
            || EndsInVersion(line)
            || IsField(line);
    }

    // A request line under a method that the page made up ends like any other: "NOOP / HTTP/1.1". RFC 9112 §3
    private static bool EndsInVersion(ReadOnlySpan<char> line) =>
        line.LastIndexOf(" HTTP/", StringComparison.OrdinalIgnoreCase) is >= 0 and var at
        && line[(at + 6)..] is { Length: 1 or 3 } version && !version.ContainsAnyExceptInRange('.', '9');

    // "Host: 127.0.0.1". RFC 9112 §5. No verb of SMTP has a colon in its first word: "MAIL FROM:" has it in the second.
    private static bool IsField(ReadOnlySpan<char> line) =>
        line.IndexOf(':') is > 0 and var colon && !line[..colon].ContainsAnyExcept(TokenCharacters);

    // RFC 9110 §5.6.2
    private static readonly System.Buffers.SearchValues<char> TokenCharacters =
        System.Buffers.SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}
