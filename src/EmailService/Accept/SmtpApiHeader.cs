namespace EmailService.Accept;

/// <summary><c>X-SMTPAPI</c>: instructions to SendGrid's SMTP relay in a header field. They hold names and values about other recipients, so the
/// field never goes out with a mail. SendGrid's HTTP API does not act on it either: there the instructions are fields of the request.</summary>
internal static class SmtpApiHeader
{
    private const string Name = "X-SMTPAPI";

    public static bool Is(string name) => name.Equals(Name, StringComparison.OrdinalIgnoreCase);

    /// <summary>Takes it out of the fields. <see cref="SendApi.V1"/> refuses it, since it would do nothing. The place is that of the headers.</summary>
    public static void TakeOut(Dictionary<string, string> fields, Problems problems)
    {
        if (fields.Remove(Name) && problems.Api == SendApi.V1)
        {
            problems.Add($"{Name} is not acted on, and is never sent to recipients.", Name,
                "Say the same by fields of the request: personalizations (to, sub), categories (category), custom_args (unique_args), send_at, ip_pool_name, mail_settings (filters).");
        }
    }
}
