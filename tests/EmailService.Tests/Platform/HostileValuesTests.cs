using EmailService.ServiceKit;
using EmailService.Tests.Agreement;
using YamlDotNet.RepresentationModel;

namespace EmailService.Tests.Platform;

/// <summary>Every parameter of every endpoint, by the API's description, with values that nobody thought of: each is refused or finds nothing, and
/// none is a fault of the server's.</summary>
public sealed class HostileValuesTests
{
    private static readonly string[] Raw =
    [
        "", "%", "%00", "a%00b", "%FF%FE", "%C3%28", "%ED%A0%80", "%F0%9F%98%80", "%0d%0aX-Forged:%20y", "%2e%2e%2f", "%5c", "%25", "%252F", "+", "+1", "%EF%BC%92", "%E2%80%AE", "%7f", "%1b%5b31m",
        "!!!!!!!!!!!!!!!!!!!!!!", "======================", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAA+", "AAAAAAAAAAAAAAAAAAAA==", "A%20AAAAAAAAAAAAAAAAAAAA", "A%0AAAAAAAAAAAAAAAAAAAAA",
        "%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9", "AAAAAAAAAAAAAAAAAAAAA%C3%A9",
    ];

    private static readonly string[] Texts =
    [
        " ", "'", "\"", "\\", "$1", "{0}", "{}", "[]", "<script>", "null", "undefined", "NaN", "Infinity", "true", "-1", "-0", "0", "0x1F", "1.5", "1e9", "01", "99999999999999999999", "2147483648",
        "-9223372036854775808", "9223372036854775807", "18446744073709551615", "32768", "65536", "-32769", "AAAAAAAAAAAAAAAAAAAAAA", "______________________", "----------------------", "zzzzzzzzzzzzzzzzzzzzzz",
        "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA.0.0", "AAAAAAAAAAAAAAAAAAAAAA.1023.32767", "AAAAAAAAAAAAAAAAAAAAAA.1024.0", "AAAAAAAAAAAAAAAAAAAAAA.-1.-1",
        "AAAAAAAAAAAAAAAAAAAAAA.99999", "AAAAAAAAAAAAAAAAAAAAAA.", "....", "_____________________w", "f____________________w", "a@b", "@", "a@", "\"a b\"@example.com", "ü@ü.example", "a@b.example,c@d.example",
        "a@[192.0.2.1]", "a@xn--a.example", "xn--", "xn--a", ".", "..", "-", "a..b", "*.example", "[::1]", "localhost", "mx:", ":", "::", "provider:", "mx:a|b", "a/b", "../../etc/passwd",
        "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "2026-02-30", "-0001-01-01", "99999999999", "100000000000", "1969-12-31T23:59:59Z",
    ];

    private static readonly string[] Long = [new('a', 5000), new('9', 400), $"{new string('a', 64)}.example", string.Join('.', Enumerable.Repeat("aaaaaaaa", 40)), new('@', 300), string.Concat(Enumerable.Repeat("%F0%9F%98%80", 300))];

    [Fact]
    public async Task No_value_of_a_parameter_is_a_fault_of_the_server()
    {
        // One for the API, whose questions to DNS stay in the house, and one for the inbox, which is there before live delivery only.
        await using var live = await TestService.StartAsync();
        await using var first = await RunningService.StartAsync();
        using var client = await live.NewClientAsync();
        var faults = new List<string>();
        var asked = 0;
        foreach (var (method, path) in Requests())
        {
            var to = path.StartsWith("/inbox", StringComparison.Ordinal) ? first.Client : client;
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(to.BaseAddress!.ToString().TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
            request.Headers.Connection.Clear();
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            using var answer = await to.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            asked++;
            if ((int)answer.StatusCode >= 500)
            {
                faults.Add($"{(int)answer.StatusCode} {method} {path}");
            }
        }

        Assert.True(faults.Count == 0, string.Join('\n', faults.Take(50)));
        Assert.True(asked > 5000, $"only {asked} requests were made: the description was not understood");
    }

    /// <summary>One parameter is hostile at a time, but for those of the path, which are all.</summary>
    private static IEnumerable<(string Method, string Path)> Requests()
    {
        var yaml = new YamlStream();
        using var reader = new StringReader(Repository.Read("openapi.yaml"));
        yaml.Load(reader);
        var root = (YamlMappingNode)yaml.Documents[0].RootNode;
        string[] values = [.. Raw, .. Texts.Select(Uri.EscapeDataString), .. Long];
        foreach (var (pathNode, item) in ((YamlMappingNode)root["paths"]).Children)
        {
            var path = ((YamlScalarNode)pathNode).Value!;
            var shared = Parameters(root, (YamlMappingNode)item);
            foreach (var (methodNode, operation) in ((YamlMappingNode)item).Children)
            {
                var method = ((YamlScalarNode)methodNode).Value!;
                if (method is not ("get" or "post" or "put" or "patch" or "delete"))
                {
                    continue;
                }

                var parameters = shared.Concat(Parameters(root, (YamlMappingNode)operation)).ToList();
                var harmless = Fill(path, "7");
                foreach (var value in values)
                {
                    if (path.Contains('{', StringComparison.Ordinal) && value.Length > 0)
                    {
                        yield return (method.ToUpperInvariant(), Fill(path, value));
                    }

                    foreach (var (name, place) in parameters)
                    {
                        if (place == "query")
                        {
                            yield return (method.ToUpperInvariant(), $"{harmless}?{name}={value}");
                        }
                    }
                }

                foreach (var (name, place) in parameters)
                {
                    if (place == "query")
                    {
                        yield return (method.ToUpperInvariant(), $"{harmless}?{name}=1&{name}=2");
                        yield return (method.ToUpperInvariant(), $"{harmless}?{name}[]=1&{name}");
                    }
                }
            }
        }
    }

    private static List<(string Name, string In)> Parameters(YamlMappingNode root, YamlMappingNode node)
    {
        if (!node.Children.TryGetValue("parameters", out var list))
        {
            return [];
        }

        return [.. ((YamlSequenceNode)list).Select(parameter =>
        {
            var map = (YamlMappingNode)parameter;
            if (map.Children.TryGetValue("$ref", out var reference))
            {
                map = (YamlMappingNode)root["components"]["parameters"][((YamlScalarNode)reference).Value!.Split('/')[^1]];
            }

            return (((YamlScalarNode)map["name"]).Value!, ((YamlScalarNode)map["in"]).Value!);
        })];
    }

    private static string Fill(string path, string value) => System.Text.RegularExpressions.Regex.Replace(path, "{[^}]+}", _ => value);
}
