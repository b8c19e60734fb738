using System.Globalization;

namespace EmailService.Smtp.Client;

/// <summary>What a host's EHLO already rules out for a message: refused by us, before MAIL is sent.</summary>
internal static class SmtpOffer
{
    /// <summary>Closes the recipients that this host can't be asked for. The session's <paramref name="domains"/> grow by those that it will be asked for.</summary>
    public static void RefuseWhatCannotWork(
        SmtpCapabilities offered, SmtpEnvelope envelope, long length, bool isVerified, HashSet<string> domains, SmtpRecipients recipients)
    {
        if (offered.MaxSize > 0 && length > offered.MaxSize)
        {
            // RFC 1870 §6.1; RFC 3463 X.3.4
            recipients.RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(552, new EnhancedStatusCode(5, 3, 4), string.Create(
                CultureInfo.InvariantCulture, $"The message has {length} bytes, the host takes {offered.MaxSize}")));
        }

        if (!offered.SmtpUtf8)
        {
            RefuseNonAscii(envelope, recipients, offered.LeftUnused.HasFlag(SmtpExtensions.SmtpUtf8)
                ? "SMTPUTF8 is switched off for the host"
                : "the host does not offer SMTPUTF8");
        }

        if (envelope.Is8Bit && !offered.EightBitMime)
        {
            // RFC 6152 §3; RFC 3463 X.6.3
            recipients.RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(554, new EnhancedStatusCode(5, 6, 3), "The content has 8-bit bytes, the host does not offer 8BITMIME"));
        }

        // RFC 8689 §4.2.1: the host proved itself under TLS, and offers to pass the demand on. §8: X.7.30
        if (envelope.RequireTls && !(isVerified && offered.RequireTls))
        {
            recipients.RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(550, new EnhancedStatusCode(5, 7, 30), isVerified
                ? "REQUIRETLS was asked for, the host does not offer it"
                : "REQUIRETLS was asked for, the host did not prove itself under TLS"));
        }

        ObeyLimits(offered, envelope, domains, recipients);
    }

    // RFC 9422 §4.2 and §4.3. What is over is for another transaction, or another session; 452 4.5.3 as the host would say it.
    private static void ObeyLimits(SmtpCapabilities offered, SmtpEnvelope envelope, HashSet<string> domains, SmtpRecipients recipients)
    {
        var taken = 0;
        for (var i = 0; i < recipients.Count && (offered.RcptMax > 0 || offered.RcptDomainMax > 0); i++)
        {
            if (!recipients.IsOpen(i))
            {
                continue;
            }

            var path = envelope.ForwardPaths[i];
            var domain = path[(path.LastIndexOf('@') + 1)..];
            var isNew = offered.RcptDomainMax > 0 && !domains.Contains(domain);
            if ((offered.RcptMax > 0 && taken >= offered.RcptMax) || (isNew && domains.Count >= offered.RcptDomainMax))
            {
                recipients.Refuse(i, SmtpStage.RcptTo, SmtpReply.Local(
                    452, new EnhancedStatusCode(4, 5, 3), "More recipients, or domains, than the host takes at once"));
                continue;
            }

            taken++;
            if (isNew)
            {
                domains.Add(domain);
            }
        }
    }

    private static void RefuseNonAscii(SmtpEnvelope envelope, SmtpRecipients recipients, string why)
    {
        // The codes that the host itself would use. RFC 6531 §3.5: 553 for a forward-path, 550 for the reverse-path; §4.2: X.6.7 for a path, X.6.9 for a header.
        for (var i = 0; i < recipients.Count; i++)
        {
            if (!SmtpPath.IsAscii(envelope.ForwardPaths[i]))
            {
                recipients.Refuse(i, SmtpStage.RcptTo, SmtpReply.Local(
                    553, new EnhancedStatusCode(5, 6, 7), $"The recipient's address is not ASCII, {why}"));
            }
        }

        if (!SmtpPath.IsAscii(envelope.ReversePath))
        {
            recipients.RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(
                550, new EnhancedStatusCode(5, 6, 7), $"The reverse-path is not ASCII, {why}"));
        }

        if (envelope.NeedsSmtpUtf8)
        {
            recipients.RefuseOpen(SmtpStage.MailFrom, SmtpReply.Local(
                550, new EnhancedStatusCode(5, 6, 9), $"An address in the header is not ASCII, {why}"));
        }
    }
}
