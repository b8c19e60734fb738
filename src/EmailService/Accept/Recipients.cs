using EmailService.Messages;

namespace EmailService.Accept;

/// <summary>Rules about who gets a message.</summary>
internal static class Recipients
{
    /// <summary>To, cc and bcc of all personalizations together; SendGrid's limit.</summary>
    public const int MostInRequest = 1000;

    /// <summary>Past this many, a set is cheaper than comparing each with each.</summary>
    private const int Few = 8;

    /// <summary>The first address that stands a second time in one message, and the list in which it does.
    /// Compared without regard to case, as SendGrid does: hardly any host tells Bob from bob, and one person would get two.</summary>
    public static (string Email, string Field)? FirstDuplicate(
        List<MailAddress> to, List<MailAddress> cc, List<MailAddress> bcc)
    {
        var total = to.Count + cc.Count + bcc.Count;
        if (total < 2)
        {
            return null;
        }

        return total <= Few ? FirstOfFew(to, cc, bcc, total) : FirstOfMany(to, cc, bcc, total);
    }

    private static (string, string)? FirstOfFew(List<MailAddress> to, List<MailAddress> cc, List<MailAddress> bcc, int total)
    {
        for (var i = 1; i < total; i++)
        {
            var (address, field) = At(i);
            for (var j = 0; j < i; j++)
            {
                if (string.Equals(address.Email, At(j).Address.Email, StringComparison.OrdinalIgnoreCase))
                {
                    return (address.Email, field);
                }
            }
        }

        return null;

        (MailAddress Address, string Field) At(int n) =>
            n < to.Count ? (to[n], "to")
            : n - to.Count < cc.Count ? (cc[n - to.Count], "cc")
            : (bcc[n - to.Count - cc.Count], "bcc");
    }

    private static (string, string)? FirstOfMany(List<MailAddress> to, List<MailAddress> cc, List<MailAddress> bcc, int total)
    {
        var seen = new HashSet<string>(total, StringComparer.OrdinalIgnoreCase);
        foreach (var (list, field) in ((List<MailAddress>, string)[])[(to, "to"), (cc, "cc"), (bcc, "bcc")])
        {
            foreach (var address in list)
            {
                if (!seen.Add(address.Email))
                {
                    return (address.Email, field);
                }
            }
        }

        return null;
    }
}
