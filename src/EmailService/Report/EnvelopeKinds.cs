using System.Text.Json;
using EmailService.Messages;

namespace EmailService.Report;

/// <summary>Tells to, cc and bcc apart by a recipient's place in the envelope.</summary>
internal static class EnvelopeKinds
{
    /// <summary>Null when the bytes cannot be read, as a newer program's may not be: the report is then without kinds.</summary>
    public static Func<short, string?>? Of(ReadOnlySpan<byte> personalization)
    {
        Personalization envelope;
        try
        {
            envelope = MessageCodec.DecodePersonalization(personalization);
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or InvalidOperationException or NotSupportedException)
        {
            return null;
        }

        var cc = envelope.To.Count;
        var bcc = cc + envelope.Cc.Count;
        return n => n < 0 || n >= envelope.RecipientCount ? null : n < cc ? "to" : n < bcc ? "cc" : "bcc";
    }
}
