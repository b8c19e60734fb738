using System.Security.Cryptography;

namespace EmailService.Mime.Dkim;

/// <summary>One private key as several <see cref="RSA"/> objects, since one object is not promised to serve two
/// threads (measured: on OpenSSL it does, and no slower, but nothing says that it must). At most one idle object
/// per processor is kept.</summary>
internal sealed class RsaPool : IDisposable
{
    private readonly byte[] pkcs8;
    private readonly RSA?[] idle = new RSA?[Math.Max(1, Environment.ProcessorCount)];
    private volatile bool disposed;

    internal RsaPool(RSA first)
    {
        pkcs8 = first.ExportPkcs8PrivateKey();
        PublicKey = first.ExportSubjectPublicKeyInfo();
        KeySize = first.KeySize;
        idle[0] = first;
    }

    internal byte[] PublicKey { get; }

    internal int KeySize { get; }

    internal byte[] ExportPkcs8()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return (byte[])pkcs8.Clone();
    }

    internal int Sign(ReadOnlySpan<byte> hash, Span<byte> signature)
    {
        var rsa = Rent();
        try
        {
            return rsa.TrySignHash(hash, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1, out var written)
                ? written
                : throw new CryptographicException("The RSA signature is longer than its key");
        }
        finally
        {
            Return(rsa);
        }
    }

    public void Dispose()
    {
        disposed = true;
        CryptographicOperations.ZeroMemory(pkcs8);
        for (var i = 0; i < idle.Length; i++)
        {
            Interlocked.Exchange(ref idle[i], null)?.Dispose();
        }
    }

    private RSA Rent()
    {
        ObjectDisposedException.ThrowIf(disposed, this);

        // Starting at the thread's own processor finds the object that is warm there, and keeps threads apart.
        var start = Thread.GetCurrentProcessorId() % idle.Length;
        for (var i = 0; i < idle.Length; i++)
        {
            if (Interlocked.Exchange(ref idle[(start + i) % idle.Length], null) is { } rsa)
            {
                return rsa;
            }
        }

        var another = RSA.Create();
        another.ImportPkcs8PrivateKey(pkcs8, out _);
        return another;
    }

    private void Return(RSA rsa)
    {
        var start = Thread.GetCurrentProcessorId() % idle.Length;
        for (var i = 0; i < idle.Length && !disposed; i++)
        {
            if (Interlocked.CompareExchange(ref idle[(start + i) % idle.Length], rsa, null) is null)
            {
                return;
            }
        }

        rsa.Dispose();
    }
}
