using System.Net;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.Route;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>What a session counts as in reports to the recipient's domain, by the verdict on it; null if it is not counted: another's policy held, or
/// it ended before there was a question of TLS. RFC 8460 §4.3.</summary>
public static class TlsSessions
{
    private const int LongestReason = 200;

    /// <summary>Of a session that is open. Under no policy any encryption will do; a policy that only tests must be met all the same to count as met
    /// (RFC 8461 §5).</summary>
    public static TlsSession? Of(string domain, TlsDecision.Use decision, MailHost host, IPEndPoint endPoint, ISmtpSession session)
    {
        if (decision.Applied is not { } applied)
        {
            return null;
        }

        var fault = session.Tls is null ? SmtpTlsFault.NotOffered
            : applied.Type == TlsPolicyType.NoneFound ? SmtpTlsFault.None
            : session.Tls.Fault;
        var failure = decision.Problem ?? (TypeOf(fault) is { } type ? (type, session.Tls?.WhyNotVerified ?? "") : null);
        return new TlsSession(domain, applied, FailureOf(failure, session.LocalEndPoint?.Address, host, endPoint));
    }

    /// <summary>Of a connection on which TLS did not come about, or not well enough.</summary>
    public static TlsSession? Of(string domain, TlsDecision.Use decision, MailHost host, IPEndPoint endPoint, SmtpConnectFailure failure)
    {
        var type = TypeOf(failure.TlsFault)
            ?? (failure is { Stage: SmtpStage.StartTls, Kind: not SmtpFailureKind.Aborted } ? TlsResultType.ValidationFailure : null);
        if (decision.Applied is not { } applied || type is null)
        {
            return null;
        }

        var why = failure.Tls?.WhyNotVerified ?? failure.Reply?.ToString() ?? failure.Detail ?? "";
        return new TlsSession(domain, applied, FailureOf(decision.Problem ?? (type.Value, why), failure.LocalAddress, host, endPoint));
    }

    /// <summary>Of a host that was not asked.</summary>
    public static TlsSession? Of(string domain, TlsDecision.Refuse refusal, MailHost host) =>
        refusal.Applied is { } applied ? new TlsSession(domain, applied, FailureOf(refusal.Problem, null, host, null)) : null;

    /// <summary>RFC 8460 §4.3; null for no fault.</summary>
    public static TlsResultType? TypeOf(SmtpTlsFault fault) => fault switch
    {
        SmtpTlsFault.None => null,
        SmtpTlsFault.NotOffered => TlsResultType.StartTlsNotSupported,
        SmtpTlsFault.HandshakeFailed => TlsResultType.ValidationFailure,
        SmtpTlsFault.NotTrusted => TlsResultType.CertificateNotTrusted,
        SmtpTlsFault.Expired => TlsResultType.CertificateExpired,
        SmtpTlsFault.WrongName => TlsResultType.CertificateHostMismatch,
        SmtpTlsFault.TlsaMismatch => TlsResultType.ValidationFailure,
        SmtpTlsFault.TlsaUnusable => TlsResultType.TlsaInvalid,
    };

    private static TlsFailure? FailureOf((TlsResultType Type, string Reason)? found, IPAddress? source, MailHost host, IPEndPoint? endPoint) =>
        found is not var (type, reason) ? null : new TlsFailure(
            type, source?.ToString(), host.Name, endPoint?.Address.ToString(), reason.Length == 0 ? null : OneLine.Of(reason, LongestReason));
}
