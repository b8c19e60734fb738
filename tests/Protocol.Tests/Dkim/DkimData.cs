using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

/// <summary>The published vectors, in Data/dkim, and small messages to sign.</summary>
internal static class DkimData
{
    internal static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    internal static readonly byte[] Message = Crlf("""
        From: =?utf-8?q?Jo=C3=A3o?= <joao@example.com>
        To: Ana <ana@example.org>,
        	Rui <rui@example.org>
        Subject:  Your  order
        Date: Sun, 01 Mar 2026 12:00:00 +0000
        Message-ID: <1@example.com>
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        List-Unsubscribe: <https://example.com/u/1>
        List-Unsubscribe-Post: List-Unsubscribe=One-Click
        X-Other: not signed

        Hello  Ana,

        	indented and trailing space 
        the end.

        """);

    private static readonly string Root = FindRoot();

    internal static string Script(string file) => Path.Combine(Root, "..", "..", "Dkim", file);

    internal static byte[] Bytes(string path) => File.ReadAllBytes(Path.Combine(Root, path));

    internal static string Text(string path) => File.ReadAllText(Path.Combine(Root, path));

    internal static JsonElement Json(string path)
    {
        using var document = JsonDocument.Parse(Text(path));
        return document.RootElement.Clone();
    }

    /// <summary>Octets with every LF as CRLF, one octet per character. A CR alone stays what it is.</summary>
    internal static byte[] Crlf(string text) =>
        Encoding.Latin1.GetBytes(text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal));

    internal static byte[] Crlf(byte[] octets) => Crlf(Encoding.Latin1.GetString(octets));

    internal static DkimKey KeyFromPem(string path)
    {
        var pem = Text(path);
        if (path.Contains("ed25519", StringComparison.Ordinal))
        {
            return DkimKey.FromPkcs8(Convert.FromBase64String(string.Concat(pem.Split('\n').Where(line => !line.StartsWith('-')))));
        }

        using var rsa = RSA.Create();
        rsa.ImportFromPem(pem);
        return DkimKey.FromPkcs8(rsa.ExportPkcs8PrivateKey());
    }

    internal static byte[] SignedWith(DkimSigner signer, byte[] message) => [.. signer.Sign(message, Noon), .. message];

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "tests", "Protocol.Tests", "Data", "dkim");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new DirectoryNotFoundException($"tests/Protocol.Tests/Data/dkim is not above {AppContext.BaseDirectory}; run the tests from a checkout");
    }
}
