using System.Text;
using EmailService.Accept;
using EmailService.Platform.Http;

namespace EmailService.Tests.Accept;

/// <summary>Bodies for the reader, and what comes of them.</summary>
internal static class Reading
{
    public static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    public static readonly string[] Pools = ["main", "news"];

    /// <summary>The least that is good, in SendGrid's form, with something put in or replaced.</summary>
    public static string Good(
        string personalizations = """[{"to":[{"email":"ana@shop.example"}]}]""",
        string from = """{"email":"hello@demo.example"}""",
        string subject = "\"Hi\"",
        string content = """[{"type":"text/plain","value":"Hello"}]""",
        string more = "") =>
        $$"""{"personalizations":{{personalizations}},"from":{{from}},"subject":{{subject}},"content":{{content}}{{(more.Length > 0 ? "," + more : "")}}}""";

    public static SendRequest Read(string json, SendApi api = SendApi.V1)
    {
        Assert.True(SendRequestReader.TryRead(Encoding.UTF8.GetBytes(json), Now, Pools, api, out var request, out var errors), string.Join('\n', errors));
        Assert.Empty(errors);
        return request;
    }

    public static IReadOnlyList<FieldError> Errors(string json, SendApi api = SendApi.V1) => Errors(Encoding.UTF8.GetBytes(json), api);

    public static IReadOnlyList<FieldError> Errors(byte[] json, SendApi api = SendApi.V1)
    {
        Assert.False(SendRequestReader.TryRead(json, Now, Pools, api, out var request, out var errors), "It was found good.");
        Assert.Null(request);
        Assert.NotEmpty(errors);
        return errors;
    }

    public static FieldError OnlyError(string json, SendApi api = SendApi.V1) => Assert.Single(Errors(json, api));
}
