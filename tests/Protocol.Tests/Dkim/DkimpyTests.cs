using System.Diagnostics;
using EmailService.Mime.Dkim;

namespace EmailService.Protocol.Tests.Dkim;

/// <summary>An independent verifier on what we sign.</summary>
public sealed class DkimpyTests
{
    [Fact]
    public async Task Dkimpy_passes_our_RSA_and_Ed25519_signatures_and_fails_them_once_touched()
    {
        using var rsa = DkimKey.Generate(DkimAlgorithm.RsaSha256);
        using var ed25519 = DkimKey.Generate(DkimAlgorithm.Ed25519Sha256);
        var records = $"r1._domainkey.example.com {rsa.DnsRecord}\ne1._domainkey.example.com {ed25519.DnsRecord}\n";
        var rsaSigner = new DkimSigner("example.com", "r1", rsa);
        var edSigner = new DkimSigner("example.com", "e1", ed25519);

        foreach (var message in (byte[][])[DkimData.Message, "From: a@example.com\r\n\r\n"u8.ToArray(), "From: a@example.com\r\nSubject: \r\n\r\n  a  b \r\n\r\n \r\n"u8.ToArray()])
        {
            byte[] signed = [.. rsaSigner.Sign(message, DkimData.Noon), .. edSigner.Sign(message, DkimData.Noon), .. message];
            Assert.Equal(["pass", "pass"], await Verify(records, signed));
            Assert.DoesNotContain("pass", await Verify(records, [.. signed, .. "x\r\n"u8]));
            Assert.DoesNotContain("pass", await Verify(records, [.. signed[..^message.Length], .. "From: b@example.com\r\n"u8, .. message]));
        }
    }

    private static async Task<string[]> Verify(string records, byte[] message)
    {
        var keys = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(keys, records);

            // Debian's modules belong to Debian's python, which may not be the first on the path.
            var python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
            var start = new ProcessStartInfo(python, [DkimData.Script("verify_with_dkimpy.py"), keys])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            try
            {
                await process.StandardInput.BaseStream.WriteAsync(message, limit.Token);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It ended without reading; its exit code says why.
            }

            await process.WaitForExitAsync(limit.Token);
            Assert.True(process.ExitCode != 3, "python3 has no module dkim, which checks our signatures: apt-get install python3-dkim python3-nacl");
            Assert.True(process.ExitCode == 0, await errors);
            return (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            File.Delete(keys);
        }
    }
}
