using System.Text.RegularExpressions;
using EmailService.Accounts;
using EmailService.Messages;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using YamlDotNet.RepresentationModel;

namespace EmailService.Tests;

/// <summary>What the program answers to and what <c>openapi.yaml</c> says it answers to are the same.</summary>
public sealed partial class OpenApiTests
{
    private static readonly string[] Methods = ["get", "post", "put", "patch", "delete"];

    private readonly YamlMappingNode document = Load();

    [Fact]
    public async Task Every_route_is_described_and_every_description_has_a_route()
    {
        await using var service = await RunningService.StartAsync();
        var mapped = service.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(endpoint => (endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [])
                .Select(method => $"{method.ToLowerInvariant()} /{Constraint().Replace(endpoint.RoutePattern.RawText!.Trim('/'), "")}"))
            .ToHashSet(StringComparer.Ordinal);
        var described = Map("paths")
            .SelectMany(path => ((YamlMappingNode)path.Value).Children
                .Select(operation => ((YamlScalarNode)operation.Key).Value!)
                .Where(Methods.Contains)
                .Select(method => $"{method} {((YamlScalarNode)path.Key).Value}"))
            .ToHashSet(StringComparer.Ordinal);

        Assert.Empty(mapped.Except(described));
        // A part of the service that is not in this program at all is passed over; one that is must be whole.
        var parts = mapped.Select(Part).ToHashSet(StringComparer.Ordinal);
        Assert.Empty(described.Where(route => parts.Contains(Part(route))).Except(mapped));
    }

    [Fact]
    public async Task Every_route_for_operators_alone_is_described_so_and_no_other()
    {
        await using var service = await RunningService.StartAsync();
        var mapped = service.App.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.Metadata.GetMetadata<RequiresApiKey>() is { Operator: true })
            .Select(endpoint => $"{endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods[0].ToLowerInvariant()} /{Constraint().Replace(endpoint.RoutePattern.RawText!.Trim('/'), "")}");
        var described = Map("paths")
            .SelectMany(path => ((YamlMappingNode)path.Value).Children
                .Where(operation => ((YamlScalarNode)operation.Key).Value is var method && Methods.Contains(method)
                    && ((YamlMappingNode)operation.Value["responses"]).Children.TryGetValue("403", out var refused)
                    && refused.ToString().Contains("OperatorOnly", StringComparison.Ordinal))
                .Select(operation => $"{((YamlScalarNode)operation.Key).Value} {((YamlScalarNode)path.Key).Value}"))
            // These depend on what is asked for.
            .Except(["post /v1/keys", "delete /v1/keys/{id}"]);

        Assert.Equal(described.Order(StringComparer.Ordinal), mapped.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_is_described_as_open_asks_for_no_key_and_all_else_does()
    {
        await using var service = await RunningService.StartAsync();
        using var stranger = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = service.Client.BaseAddress };
        var wrong = new List<string>();
        foreach (var (path, item) in Map("paths").Select(path => (((YamlScalarNode)path.Key).Value!, (YamlMappingNode)path.Value)))
        {
            // The form to sign in asks for one in its own way.
            foreach (var operation in item.Children.Where(child => Methods.Contains(((YamlScalarNode)child.Key).Value) && path != "/inbox/sign-in"))
            {
                var isOpen = ((YamlMappingNode)operation.Value).Children.TryGetValue("security", out var security) && security is YamlSequenceNode { Children.Count: 0 };
                using var request = new HttpRequestMessage(new HttpMethod(((YamlScalarNode)operation.Key).Value!.ToUpperInvariant()), Parameter().Replace(path, "1"));
                using var answer = await stranger.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
                if (isOpen != (answer.StatusCode != System.Net.HttpStatusCode.Unauthorized))
                {
                    wrong.Add($"{request.Method} {path} answers {(int)answer.StatusCode}");
                }
            }
        }

        Assert.Empty(wrong);
    }

    /// <summary>What a page of another site can make a browser send unasked has one of the first three types.</summary>
    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("text/json")]
    [InlineData("application/jsonp")]
    public async Task Every_endpoint_that_takes_JSON_refuses_what_says_to_be_something_else(string type)
    {
        await using var service = await RunningService.StartAsync();
        var asked = 0;
        foreach (var (path, method) in TakingJson())
        {
            foreach (var (given, isRefused) in new[] { (type, true), (null, false), ("application/json", false), ("Application/JSON; charset=utf-8", false), ("application/problem+json", false) })
            {
                using var content = new ByteArrayContent("{}"u8.ToArray());
                content.Headers.TryAddWithoutValidation("Content-Type", given);
                using var request = new HttpRequestMessage(new HttpMethod(method), Parameter().Replace(path, "1")) { Content = content };
                using var answer = await service.Client.SendAsync(request);
                var said = await answer.Content.ReadAsStringAsync();
                Assert.True(isRefused == (answer.StatusCode == System.Net.HttpStatusCode.UnsupportedMediaType), $"{method} {path} as {given ?? "nothing"}: {(int)answer.StatusCode} {said}");
                Assert.True(!isRefused || said.Contains($"Found \\\"{type}\\\"", StringComparison.Ordinal), said);
                asked++;
            }
        }

        Assert.True(asked >= 30, $"only {asked} requests: the description was not understood");
    }

    private IEnumerable<(string Path, string Method)> TakingJson() =>
        from path in Map("paths")
        from operation in ((YamlMappingNode)path.Value).Children
        where Methods.Contains(((YamlScalarNode)operation.Key).Value) && operation.Value is YamlMappingNode described && described.Children.TryGetValue("requestBody", out var body)
            && Followed(body)["content"] is YamlMappingNode content && content.Children.ContainsKey("application/json")
        select (((YamlScalarNode)path.Key).Value!, ((YamlScalarNode)operation.Key).Value!);

    private YamlNode Followed(YamlNode node)
    {
        while (node is YamlMappingNode map && map.Children.TryGetValue("$ref", out var reference))
        {
            node = ((YamlScalarNode)reference).Value!.Split('/').Skip(1).Aggregate((YamlNode)document, (at, step) => at[step]);
        }

        return node;
    }

    [Fact]
    public void Every_kind_of_event_is_in_the_schema_and_no_other() =>
        Assert.Equal(
            Enum.GetValues<EventKind>().Select(Names.ToName),
            ((YamlSequenceNode)Schema("EventKind")["enum"]).Select(node => ((YamlScalarNode)node).Value!));

    [Fact]
    public void Every_reference_leads_somewhere()
    {
        var all = document.AllNodes.OfType<YamlMappingNode>()
            .SelectMany(node => node.Children)
            .Where(child => child.Key is YamlScalarNode { Value: "$ref" })
            .Select(child => ((YamlScalarNode)child.Value).Value!)
            .Distinct();

        Assert.All(all, reference =>
        {
            YamlNode node = document;
            foreach (var step in reference.Split('/').Skip(1))
            {
                node = node[step];
            }
        });
    }

    /// <summary>/v1/keys/{id} and /v1/keys are one part; so are /inbox and /inbox.json.</summary>
    private static string Part(string route)
    {
        var steps = route[(route.IndexOf('/', StringComparison.Ordinal) + 1)..].Split('/', '.');
        return steps[0] is "v1" or "v3" ? $"{steps[0]}/{steps[1]}" : steps[0];
    }

    private YamlMappingNode Schema(string name) => (YamlMappingNode)document["components"]["schemas"][name];

    private IDictionary<YamlNode, YamlNode> Map(string name) => ((YamlMappingNode)document[name]).Children;

    private static YamlMappingNode Load()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "openapi.yaml")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new FileNotFoundException("openapi.yaml is in no folder above the tests.");
        }

        using var reader = File.OpenText(Path.Combine(folder, "openapi.yaml"));
        var stream = new YamlStream();
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }

    [GeneratedRegex(@":[a-z]+(?=})|(?<={)\*\*")]
    private static partial Regex Constraint();

    [GeneratedRegex("{[^}]+}")]
    private static partial Regex Parameter();
}
