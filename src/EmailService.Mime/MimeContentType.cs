using System.Diagnostics.CodeAnalysis;

namespace EmailService.Mime;

/// <summary>A media type with its parameters (RFC 2045 §5.1), or another value of that shape, such as a disposition.</summary>
public sealed class MimeContentType
{
    private MimeContentType(string mediaType, IReadOnlyDictionary<string, string> parameters)
    {
        MediaType = mediaType;
        Parameters = parameters;
    }

    /// <summary>The whole type in lower case: <c>text/html</c>.</summary>
    public string MediaType { get; }

    /// <summary>The part before the slash, or all where there is none.</summary>
    public string Type => MediaType.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? MediaType[..slash] : MediaType;

    /// <summary>The part after the slash, or nothing.</summary>
    public string Subtype => MediaType.IndexOf('/', StringComparison.Ordinal) is var slash and >= 0 ? MediaType[(slash + 1)..] : "";

    /// <summary>The parameters in order, names in lower case, values decoded (RFC 2231). Of two with the same name, the first.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; }

    /// <summary>The charset parameter, or null.</summary>
    public string? Charset => Parameters.GetValueOrDefault("charset");

    /// <summary>Reads a media type strictly: two tokens and a slash, then parameters.</summary>
    /// <param name="text">The value of a Content-Type field.</param>
    /// <param name="type">The type, when the answer is true.</param>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out MimeContentType? type)
    {
        type = null;
        if (text is null)
        {
            return false;
        }

        var scanner = new ParameterScanner(text);
        var mediaType = scanner.ReadValue().Trim().ToLowerInvariant();
        if (!IsMediaType(mediaType))
        {
            return false;
        }

        var parameters = scanner.ReadParameters(out var wellFormed);
        foreach (var name in parameters.Keys)
        {
            wellFormed &= name.Length <= ParameterComposer.MaxName && ParameterComposer.IsToken(name) && name.IndexOf('*', StringComparison.Ordinal) < 0;
        }

        type = wellFormed ? new MimeContentType(mediaType, parameters) : null;
        return wellFormed;
    }

    /// <summary>Reads what is there; a type that makes no sense becomes the default (RFC 2045 §5.2).</summary>
    internal static MimeContentType ParseLoosely(string? text, string defaultType)
    {
        if (text is null)
        {
            return new MimeContentType(defaultType, new Dictionary<string, string>());
        }

        var scanner = new ParameterScanner(text);
        var value = scanner.ReadValue().Trim().ToLowerInvariant();
        var parameters = scanner.ReadParameters(out _);
        return new MimeContentType(defaultType.Length == 0 || IsMediaType(value) ? value : defaultType, parameters);
    }

    private static bool IsMediaType(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && text.Length <= 127
            && ParameterComposer.IsToken(text.AsSpan(0, slash)) && ParameterComposer.IsToken(text.AsSpan(slash + 1));
    }
}
