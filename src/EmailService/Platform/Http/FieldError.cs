namespace EmailService.Platform.Http;

/// <summary>One problem of a request, in SendGrid's shape.</summary>
/// <param name="Message">What is wrong.</param>
/// <param name="Field">Dotted path with indexes, such as <c>personalizations.0.to.0.email</c>; null if no field is to blame.</param>
/// <param name="Help">What was found and what to change; null if the message says it all.</param>
public sealed record FieldError(string Message, string? Field = null, string? Help = null);
