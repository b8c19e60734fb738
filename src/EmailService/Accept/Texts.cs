namespace EmailService.Accept;

/// <summary>Texts of refusals. Those that SendGrid's clients may look for are SendGrid's own.</summary>
internal static class Texts
{
    public const string FromMissing = "The from object must be provided for every email send. It is an object that requires the email parameter, but may also contain a name parameter.  e.g. {\"email\" : \"example@example.com\"}  or {\"email\" : \"example@example.com\", \"name\" : \"Example Recipient\"}.";
    public const string FromInvalid = "The from email does not contain a valid address.";
    public const string AddressInvalid = "Does not contain a valid address.";
    public const string ToMissing = "The to array is required for all personalization objects, and must have at least one email object with a valid email address.";
    public const string PersonalizationsMissing = "The personalizations field is required and must have at least one personalization.";
    public const string PersonalizationsMissingHelp = "Give personalizations, or the short form: to, and cc and bcc if wanted, at the top of the request.";
    public const string TooManyRecipients = "There is a limit of 1000 total recipients (to + cc + bcc) per request.";
    public const string SubjectMissing = "The subject is required. You can get around this requirement if you use a template with a subject defined or if every personalization has a subject defined.";
    public const string SubjectEmpty = "The subject must be a string at least one character in length.";
    public const string ContentMissing = "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are included, but only one block is required.";
    public const string ContentMissingHelp = "Give content, or the short form: text, html or both.";
    public const string ContentValueEmpty = "The content value must be a string at least one character in length.";
    public const string ContentOrder = "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: text/plain needs to be first, followed by text/html, followed by any other content.";
    public const string ContentTwice = "If present, text/plain and text/html may only be provided once.";
    public const string AttachmentNotBase64 = "The attachment content must be base64 encoded.";
    public const string AttachmentNameMissing = "filename is required.";
    public const string HeaderValueType = "The header values must be strings.";
    public const string HeaderReserved = "Header can not be one of the reserved keys.";
    public const string HeaderName = "Header keys cannot contain non-ASCII characters and empty spaces.";
    public const string CustomArgsTooBig = "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes per personalization.";
    public const string CategoryTooLong = "Each category must not be longer than 255 characters.";
    public const string CategoryTwice = "The categories must be a unique list.";
    public const string CategoryNotAscii = "Categories can not contain non-ASCII characters.";
    public const string SendAtType = "The send_at parameter is expecting a Unix timestamp as an integer.";
    public const string SendAtTooFar = "Scheduling more than 72 hours in advance is forbidden.";

    public const string HalfCharacter = "The text has half of a surrogate pair, which is no character.";
    public const string HalfCharacterHelp = "An emoji or other character above U+FFFF was cut in two, most likely where a text was shortened. Cut by characters instead of by UTF-16 units.";
    public const string Nul = "The text has a NUL character (U+0000). Leave it out.";
    public const string LineBreak = "The text has a line break or another control character, which no header can hold. Leave it out.";
    public const string GivenTwice = "The name stands twice in this object, and only one value can be meant. Leave one out.";
}
