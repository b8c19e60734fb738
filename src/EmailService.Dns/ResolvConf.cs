using System.Net;

namespace EmailService.Dns;

/// <summary>Reads the name servers of a resolv.conf(5). Search domains are ignored: every name asked for here is absolute.</summary>
public static class ResolvConf
{
    private const int MaxServers = 8;
    private const int MaxLength = 64 * 1024;

    /// <summary>Takes the servers from a file's text.</summary>
    /// <param name="text">The text; lines that are not understood are skipped.</param>
    /// <returns>The servers on port 53 in order, eight at most; 127.0.0.1 if there is none.</returns>
    public static IReadOnlyList<IPEndPoint> Parse(ReadOnlySpan<char> text)
    {
        var servers = new List<IPEndPoint>();
        foreach (var raw in text[..Math.Min(text.Length, MaxLength)].EnumerateLines())
        {
            var line = raw.Trim();
            const string Keyword = "nameserver";
            if (line.Length <= Keyword.Length || !line.StartsWith(Keyword, StringComparison.Ordinal)
                || !char.IsWhiteSpace(line[Keyword.Length]))
            {
                continue;
            }

            var value = line[Keyword.Length..].Trim();
            var end = value.IndexOfAny(' ', '\t', '#');
            if (IPAddress.TryParse(end < 0 ? value : value[..end], out var address) && servers.Count < MaxServers)
            {
                servers.Add(new IPEndPoint(address, 53));
            }
        }

        return servers.Count > 0 ? servers : [new IPEndPoint(IPAddress.Loopback, 53)];
    }

    internal static IReadOnlyList<IPEndPoint>? TryLoad(string path)
    {
        try
        {
            using var reader = new StreamReader(path);
            var buffer = new char[MaxLength];
            return Parse(buffer.AsSpan(0, reader.ReadBlock(buffer)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
