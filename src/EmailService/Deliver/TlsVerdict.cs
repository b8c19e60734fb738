using System.Buffers;
using System.Text;
using System.Text.Json;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>What is kept on an attempt about TLS: which policy held and why, what was agreed, whom the host proved to be, and why that was enough or not.
/// The JSON of <c>attempts.tls_verdict</c>.</summary>
public static class TlsVerdict
{
    private const int LongestText = 1000;

    /// <summary>Of a session.</summary>
    /// <param name="failedTls">Why the session is in clear though the host offered TLS, or null.</param>
    public static string Of(TlsDecision.Use decision, SmtpTlsInfo? tls, SmtpConnectFailure? failedTls) => Write(
        decision.Policy.Name, decision.Why, passed: true, tls, SmtpTlsFault.None,
        tls is not null ? null
        : failedTls is not null ? $"TLS failed: {failedTls.Detail ?? failedTls.Reply?.ToString() ?? failedTls.Kind.ToString()}"
        : (decision.Policy.Mode == SmtpTlsMode.None ? null : "the host does not offer TLS"));

    /// <summary>Of a host that gave no session.</summary>
    public static string? Of(TlsDecision.Use decision, SmtpConnectFailure failure) =>
        failure.Tls is null && failure.TlsFault == SmtpTlsFault.None
            ? null
            : Write(decision.Policy.Name, decision.Why, passed: false, failure.Tls, failure.TlsFault, failure.Detail);

    /// <summary>Of a host that was not asked, because its policy can't be met.</summary>
    public static string Of(TlsDecision.Refuse refusal) => Write(refusal.Policy, null, passed: false, null, SmtpTlsFault.None, refusal.Reply.Text);

    private static string Write(string policy, string? why, bool passed, SmtpTlsInfo? tls, SmtpTlsFault fault, string? problem)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("policy", Clean(policy));
            Optional(json, "why", why);
            json.WriteBoolean("passed", passed);
            json.WriteBoolean("encrypted", passed && tls is not null);
            if (tls is not null)
            {
                json.WriteString("version", tls.Version);
                json.WriteString("cipher", tls.CipherSuite.ToString());
                json.WriteBoolean("verified", tls.IsVerified);
                Optional(json, "verified_by", tls.VerifiedBy);
                Optional(json, "certificate", tls.CertificateSubject);
                json.WriteStartArray("names");
                foreach (var name in tls.CertificateNames)
                {
                    json.WriteStringValue(Clean(name));
                }

                json.WriteEndArray();
                fault = tls.Fault;
                problem ??= tls.WhyNotVerified;
            }

            Optional(json, "fault", TlsSessions.TypeOf(fault)?.ToName());
            Optional(json, "problem", problem);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Optional(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, Clean(value));
        }
    }

    // A certificate may hold anything, and so may the reason why it is not believed.
    private static string Clean(string text) => OneLine.Of(text, LongestText);
}
