using System.Security.Cryptography;
using System.Text.Json;
using EmailService.Accept;
using EmailService.Compose;
using EmailService.Messages;
using EmailService.Mime.Dkim;
using MimeKit;
using MimeKit.Cryptography;
using Org.BouncyCastle.Crypto;
using DkimSigner = EmailService.Mime.Dkim.DkimSigner;

namespace EmailService.Benchmarks;

/// <summary>What one message of 10 kB costs to compose and to sign, by us and by MimeKit, in processor time of one core: the reason why what goes out
/// is composed and signed by our own code. The cases take turns, and the least of several rounds counts: what else runs only adds.</summary>
internal static class MicroMimeKit
{
    private const int Rounds = 9;
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(400);

    public static async Task<int> RunAsync()
    {
        using var key = DkimKey.Generate(DkimAlgorithm.RsaSha256);
        using var rsa = RSA.Create();
        rsa.ImportPkcs8PrivateKey(key.ExportPkcs8(), out _);
        var message = Ours();
        var ours = new DkimSigner(Workload.SenderDomain, "es1", key);
        var now = TimeProvider.System.GetUtcNow();
        var (platform, bouncyCastle) = (new PlatformSigner(rsa, key), Signer(key));
        var hash = SHA256.HashData("x"u8);
        (string Name, Action Step)[] cases =
        [
            ("our compose", () => MessageComposer.Compose(message)),
            ("our compose and DKIM, RSA-2048", () => ours.Sign(MessageComposer.Compose(message).Octets.Span, now)),
            ("MimeKit: build, prepare, write", () => Write(Prepared())),
            ("the same with its `DkimSigner` over the platform's RSA", () => WriteSigned(platform)),
            ("the same with its `DkimSigner` as it is (BouncyCastle)", () => WriteSigned(bouncyCastle)),
            ("RSA-2048 alone, of a hash", () => rsa.SignHash(hash, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)),
        ];
        await CheckAsync(key, ours.Sign(MessageComposer.Compose(message).Octets.Span, now), MessageComposer.Compose(message).Octets.ToArray());
        await CheckAsync(key, [], WriteSigned(platform));
        await CheckAsync(key, [], WriteSigned(bouncyCastle));
        var best = Enumerable.Repeat((Micros: double.MaxValue, Octets: 0d), cases.Length).ToArray();
        for (var round = 0; round < Rounds; round++)
        {
            for (var i = 0; i < cases.Length; i++)
            {
                var measured = Measure(cases[i].Step);
                best[i] = (Math.Min(best[i].Micros, measured.Micros), measured.Octets);
            }
        }

        Console.WriteLine($"{MessageComposer.Compose(message).Octets.Length} octets by us, {Write(Prepared()).Length} by MimeKit; load {File.ReadAllText("/proc/loadavg").Split(' ')[0]} on {Environment.ProcessorCount} cores\n");
        Console.WriteLine("| a message of 10 kB | µs of one core | octets allocated |\n| --- | --- | --- |");
        foreach (var ((name, _), (micros, octets)) in cases.Zip(best))
        {
            Console.WriteLine(FormattableString.Invariant($"| {name} | {micros:F0} | {octets:N0} |"));
        }

        return 0;
    }

    /// <summary>Processor time of the whole process, the collector's too.</summary>
    private static (double Micros, double Octets) Measure(Action step)
    {
        var count = 0;
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var before = Environment.CpuUsage.TotalTime;
        TimeSpan used;
        do
        {
            for (var i = 0; i < 20; i++)
            {
                step();
            }

            count += 20;
            used = Environment.CpuUsage.TotalTime - before;
        }
        while (used < Round);

        return (used.TotalMicroseconds / count, (double)(GC.GetTotalAllocatedBytes(precise: true) - allocated) / count);
    }

    private static Message Ours()
    {
        var now = TimeProvider.System.GetUtcNow();
        if (!SendRequestReader.TryRead(Workload.Json(Workload.SinkDomain), now, [], SendApi.V1, out var request, out var errors))
        {
            throw new InvalidOperationException(string.Join("; ", errors));
        }

        return new Message { Id = MessageId.NewRequest(now), AccountId = 1, CreatedAt = now, Content = request.Content, Personalization = request.Messages[0].Personalization };
    }

    private static readonly JsonElement Request = JsonDocument.Parse(Workload.Json(Workload.SinkDomain)).RootElement;
    private static readonly string Subject = Request.GetProperty("subject").GetString()!;
    private static readonly string Text = Request.GetProperty("text").GetString()!;
    private static readonly string Html = Request.GetProperty("html").GetString()!;
    private static readonly string To = Request.GetProperty("to").GetString()!;

    private static MimeMessage Prepared()
    {
        var message = new MimeMessage { Subject = Subject, MessageId = $"1@{Workload.SenderDomain}", Date = TimeProvider.System.GetUtcNow(), Body = new BodyBuilder { TextBody = Text, HtmlBody = Html }.ToMessageBody() };
        message.From.Add(new MailboxAddress("The Shop", Workload.Sender));
        message.To.Add(new MailboxAddress("", To));
        message.Prepare(EncodingConstraint.SevenBit);
        return message;
    }

    private static byte[] WriteSigned(MimeKit.Cryptography.DkimSigner signer)
    {
        var message = Prepared();
        signer.Sign(message, SignedFields);
        return Write(message);
    }

    private static readonly HeaderId[] SignedFields =
        [HeaderId.From, HeaderId.To, HeaderId.Subject, HeaderId.Date, HeaderId.MessageId, HeaderId.MimeVersion, HeaderId.ContentType];

    private static readonly FormatOptions AsOnTheWire = Wire();

    private static byte[] Write(MimeMessage message)
    {
        using var octets = new MemoryStream(16 * 1024);
        message.WriteTo(AsOnTheWire, octets);
        return octets.ToArray();
    }

    private static FormatOptions Wire()
    {
        var options = FormatOptions.Default.Clone();
        options.NewLineFormat = NewLineFormat.Dos;
        return options;
    }

    private static MimeKit.Cryptography.DkimSigner Signer(DkimKey key) =>
        Relaxed(new MimeKit.Cryptography.DkimSigner(Pem(key), Workload.SenderDomain, "es1", DkimSignatureAlgorithm.RsaSha256));

    private static MemoryStream Pem(DkimKey key) => new(System.Text.Encoding.ASCII.GetBytes(PemEncoding.WriteString("PRIVATE KEY", key.ExportPkcs8())));

    private static MimeKit.Cryptography.DkimSigner Relaxed(MimeKit.Cryptography.DkimSigner signer)
    {
        signer.HeaderCanonicalizationAlgorithm = DkimCanonicalizationAlgorithm.Relaxed;
        signer.BodyCanonicalizationAlgorithm = DkimCanonicalizationAlgorithm.Relaxed;
        return signer;
    }

    /// <summary>A signature that nobody believes would cost nothing to make.</summary>
    private static async Task CheckAsync(DkimKey key, byte[] signature, byte[] message)
    {
        var results = await new EmailService.Mime.Dkim.DkimVerifier(new OneKey(key), TimeProvider.System).VerifyAsync((byte[])[.. signature, .. message], CancellationToken.None);
        if (results is not [{ Verdict: DkimVerdict.Pass }])
        {
            throw new InvalidOperationException($"a signature is not good: {results[0].Reason}");
        }
    }

    private sealed class OneKey(DkimKey key) : IDkimKeyLookup
    {
        public ValueTask<DkimKeyAnswer> FindAsync(string name, CancellationToken cancellationToken) => ValueTask.FromResult(DkimKeyAnswer.Found([key.DnsRecord]));
    }

    /// <summary>MimeKit's signer with the platform's RSA in it.</summary>
    private sealed class PlatformSigner : MimeKit.Cryptography.DkimSigner
    {
        private readonly RSA rsa;

        public PlatformSigner(RSA rsa, DkimKey key)
            : base(Pem(key), Workload.SenderDomain, "es1", DkimSignatureAlgorithm.RsaSha256)
        {
            this.rsa = rsa;
            Relaxed(this);
        }

        protected override ISigner CreateSigningContext() => new PlatformContext(rsa);
    }

    private sealed class PlatformContext(RSA rsa) : ISigner
    {
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public string AlgorithmName => "SHA-256withRSA";

        public void Init(bool forSigning, ICipherParameters parameters)
        {
        }

        public void Update(byte input) => hash.AppendData([input]);

        public void BlockUpdate(byte[] input, int inOff, int inLen) => hash.AppendData(input, inOff, inLen);

        public void BlockUpdate(ReadOnlySpan<byte> input) => hash.AppendData(input);

        public int GetMaxSignatureSize() => rsa.KeySize / 8;

        public byte[] GenerateSignature() => rsa.SignHash(hash.GetHashAndReset(), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

        public bool VerifySignature(byte[] signature) => throw new NotSupportedException();

        public void Reset() => hash.GetHashAndReset();
    }
}
