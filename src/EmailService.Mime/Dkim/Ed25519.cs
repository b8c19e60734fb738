using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace EmailService.Mime.Dkim;

/// <summary>Ed25519 (RFC 8032) from the platform's OpenSSL 3, which the base class library does not reach.</summary>
public static class Ed25519
{
    internal const int KeySize = 32;
    internal const int SignatureSize = 64;

    /// <summary>Whether <c>libcrypto.so.3</c> is on this machine and makes Ed25519 signatures. If not, sign with RSA only.</summary>
    public static bool IsSupported { get; } = Probe();

    internal static Libcrypto.KeyHandle PrivateKey(ReadOnlySpan<byte> seed)
    {
        if (!IsSupported)
        {
            throw new PlatformNotSupportedException("Ed25519 needs OpenSSL 3 (libcrypto.so.3), which could not be loaded; use an RSA key");
        }

        var key = new Libcrypto.KeyHandle(Libcrypto.NewPrivateKey(Libcrypto.Ed25519Type, 0, seed, (nuint)seed.Length));
        return key.IsInvalid ? throw Failure("read the private key") : key;
    }

    internal static byte[] PublicKey(Libcrypto.KeyHandle key)
    {
        var raw = new byte[KeySize];
        nuint length = KeySize;
        return Libcrypto.GetPublicKey(key, raw, ref length) == 1 && length == KeySize ? raw : throw Failure("derive the public key");
    }

    internal static int Sign(Libcrypto.KeyHandle key, ReadOnlySpan<byte> data, Span<byte> signature)
    {
        var context = Libcrypto.NewContext();
        try
        {
            nuint length = SignatureSize;
            return signature.Length >= SignatureSize
                && context != 0
                && Libcrypto.SignInit(context, 0, 0, 0, key) == 1
                && Libcrypto.Sign(context, signature, ref length, data, (nuint)data.Length) == 1
                ? (int)length
                : throw Failure("sign");
        }
        finally
        {
            Libcrypto.FreeContext(context);
        }
    }

    /// <summary>False for a bad signature and for a key that is none.</summary>
    internal static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        if (publicKey.Length != KeySize || signature.Length != SignatureSize)
        {
            return false;
        }

        using var key = new Libcrypto.KeyHandle(Libcrypto.NewPublicKey(Libcrypto.Ed25519Type, 0, publicKey, KeySize));
        var context = Libcrypto.NewContext();
        try
        {
            var good = !key.IsInvalid
                && context != 0
                && Libcrypto.VerifyInit(context, 0, 0, 0, key) == 1
                && Libcrypto.Verify(context, signature, SignatureSize, data, (nuint)data.Length) == 1;
            if (!good)
            {
                // The platform's own calls read the same thread's error queue and would report our leavings.
                Libcrypto.ClearErrors();
            }

            return good;
        }
        finally
        {
            Libcrypto.FreeContext(context);
        }
    }

    private static bool Probe()
    {
        if (!NativeLibrary.TryLoad(Libcrypto.Library, typeof(Ed25519).Assembly, DllImportSearchPath.SafeDirectories, out var library))
        {
            return false;
        }

        if (!NativeLibrary.TryGetExport(library, "EVP_PKEY_new_raw_private_key", out _)
            || !NativeLibrary.TryGetExport(library, "EVP_DigestSign", out _))
        {
            return false;
        }

        // A FIPS provider has the calls but not the algorithm.
        Span<byte> seed = stackalloc byte[KeySize];
        seed.Clear();
        using var key = new Libcrypto.KeyHandle(Libcrypto.NewPrivateKey(Libcrypto.Ed25519Type, 0, seed, KeySize));
        return !key.IsInvalid;
    }

    private static CryptographicException Failure(string what)
    {
        Libcrypto.ClearErrors();
        return new CryptographicException($"OpenSSL could not {what} with Ed25519");
    }
}
