using System.Net;
using EmailService.Messages;
using EmailService.Route;
using EmailService.Smtp;
using EmailService.Smtp.Client;

namespace EmailService.Deliver;

/// <summary>What one try has come to doubt of what a host offers, and what follows: the message goes without it, and the host is remembered. A value of the
/// try, so that a host without fault costs nothing.</summary>
internal struct ExtensionDoubt(ExtensionMemory memory, MailHost host, IPEndPoint endPoint)
{
    private string why = "";

    /// <summary>What the try goes without.</summary>
    public SmtpExtensions Extensions { get; private set; }

    /// <summary>Remembers what the host does not keep: at once if it said so, if it was silent until a deadline, or if nobody knows what became of the message; where
    /// it closed, once the message came further without it. After silence the message does not go at once: a host that makes us wait would have twice the time.</summary>
    /// <param name="result">What came of the transaction.</param>
    /// <param name="outcome">What that means for its recipient.</param>
    /// <returns>True if the message is to go without it now. It certainly was not taken.</returns>
    public bool GoesWithout(SmtpSendResult result, Outcome outcome)
    {
        var hasAnswered = result.Recipients[0].Outcome != SmtpRecipientOutcome.Failed;
        if (Extensions != SmtpExtensions.None && hasAnswered)
        {
            memory.DoesNotKeep(endPoint, host.Name, Extensions, why);
        }

        var suspect = result.Suspect & ~Extensions;
        if (suspect == SmtpExtensions.None)
        {
            return false;
        }

        why = outcome.Reply.ToString();
        var isSilent = result.Recipients[0].Failure == SmtpFailureKind.TimedOut;
        if (hasAnswered || isSilent)
        {
            memory.DoesNotKeep(endPoint, host.Name, suspect, why);
        }

        Extensions |= suspect;
        return outcome.Disposition != Disposition.Unknown && !isSilent;
    }
}
