namespace EmailService.Accept;

/// <summary><c>X-SMTPAPI</c>: instructions to SendGrid's SMTP relay in a header field. They hold names and values about other recipients, so the
/// field never goes out with a mail. SendGrid's HTTP API does not act on it either: there the instructions are fields of the request.</summary>
internal static class SmtpApiHeader
{
    private const string Name = "X-SMTPAPI";

    /// <summary>The headers without it. <see cref="SendApi.V1"/> refuses it, since it would do nothing. The place is that of the headers.</summary>
    public static IReadOnlyDictionary<string, string> TakeOut(IReadOnlyDictionary<string, string> headers, Problems problems)
    {
        foreach (var (name, _) in headers)
        {
            if (name.Equals(Name, StringComparison.OrdinalIgnoreCase))
            {
                return Without(name, headers, problems);
            }
        }

        return headers;
    }

    private static Dictionary<string, string> Without(string name, IReadOnlyDictionary<string, string> headers, Problems problems)
    {
        if (problems.Api == SendApi.V1)
        {
            problems.Add($"{Name} is not acted on, and is never sent to recipients.", name,
                "Say the same by fields of the request: personalizations (to, sub), categories (category), custom_args (unique_args), send_at, ip_pool_name, mail_settings (filters).");
        }

        return new Dictionary<string, string>(headers.Where(header => header.Key != name), StringComparer.OrdinalIgnoreCase);
    }
}
