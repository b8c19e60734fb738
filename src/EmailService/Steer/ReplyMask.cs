using System.Text.RegularExpressions;

namespace EmailService.Steer;

/// <summary>Takes the local parts of addresses out of a reply: whoever may see a lane need not know to whom others write.</summary>
public static partial class ReplyMask
{
    public static string Of(string reply) => LocalPart().Replace(reply, "…@");

    // What may stand unquoted before the @ (RFC 5321 §4.1.2), letters of other scripts among it; a quoted local part; and what of one a bounded reply shows.
    [GeneratedRegex("""("[^"@]{1,64}"|[^\s<>()\[\],:;"@]{1,256})@""")]
    private static partial Regex LocalPart();
}
