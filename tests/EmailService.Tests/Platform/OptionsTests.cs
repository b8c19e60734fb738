using System.Net;
using EmailService.Platform;
using Microsoft.Extensions.Configuration;

namespace EmailService.Tests.Platform;

public sealed class OptionsTests
{
    [Fact]
    public void All_problems_are_reported_at_once_by_their_full_keys()
    {
        var binder = Binder(
            ("Roles", "api,postman"), ("HartbeatInterval", "3s"), ("HostName", "not a name"),
            ("Sample:Count", "many"), ("Sample:Pause", "7"), ("Sample:Colour", "red"), ("Other:Thing", "1"));
        binder.Bind<PlatformOptions>("");
        binder.Bind<SampleOptions>("Sample");

        var problem = Assert.Throws<OperatorException>(binder.ThrowIfInvalid).Message;

        Assert.Contains("7 problems", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:Roles: found \"postman\", expected one of Api, ", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:HartbeatInterval: unknown key; did you mean HeartbeatInterval?", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:HostName: found \"not a name\"", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:Sample:Count: found \"many\", expected a whole number", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:Sample:Pause: found \"7\", expected a duration", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:Sample:Colour: unknown key; known here: Count, ", problem, StringComparison.Ordinal);
        Assert.Contains("EmailService:Other: unknown key; known here: ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_of_every_kind_are_read()
    {
        var binder = Binder(
            ("sample:count", "-3"), ("Sample:Pause", "1.5m"), ("Sample:Pauses", "1m, 5m,00:15:00,4h"), ("Sample:Names:0", "a"), ("Sample:Names:1", "b,c"),
            ("Sample:Server", "127.0.0.1:53"), ("Sample:Nested:Url", "http://x/"), ("Sample:Routes:example.com", "10.0.0.1:25"), ("Sample:Maybe", "true"));

        var read = binder.Bind<SampleOptions>("Sample");
        binder.ThrowIfInvalid();

        Assert.Equal(-3, read.Count);
        Assert.Equal(TimeSpan.FromSeconds(90), read.Pause);
        Assert.Equal([TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(15), TimeSpan.FromHours(4)], read.Pauses);
        Assert.Equal(["a", "b,c"], read.Names);
        Assert.Equal(IPEndPoint.Parse("127.0.0.1:53"), read.Server);
        Assert.Equal("http://x/", read.Nested.Url?.ToString());
        Assert.Equal("10.0.0.1:25", read.Routes["Example.com"]);
        Assert.True(read.Maybe);
    }

    [Fact]
    public void Nothing_configured_gives_the_defaults()
    {
        var binder = Binder();
        var platform = binder.Bind<PlatformOptions>("");
        var postgres = binder.Bind<PostgresOptions>("Postgres");
        binder.ThrowIfInvalid();

        Assert.Equal(Enum.GetValues<Role>(), platform.Roles);
        Assert.True(platform.IsEmbedded);
        Assert.Equal(40, postgres.MaxConnections);
    }

    [Fact]
    public void Password_in_a_wrong_connection_string_is_not_repeated()
    {
        var binder = Binder(("ConnectionString", "Hots=x;Password=secret"));
        binder.Bind<PlatformOptions>("");
        var problem = Assert.Throws<OperatorException>(binder.ThrowIfInvalid).Message;
        Assert.Contains("EmailService:ConnectionString", problem, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Command_line_wins_over_the_file()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{ "EmailService": { /* annotated */ "HostName": "from.file", "Roles": ["api"], } }""");
            using var app = (IDisposable)ServiceHost.Build(["--config", file, "--EmailService:HostName=from.line"], builder =>
            {
                var read = (PlatformOptions)builder.Services.Last(service => service.ServiceType == typeof(PlatformOptions)).ImplementationInstance!;
                Assert.Equal("from.line", read.HostName);
                Assert.Equal([Role.Api], read.Roles);
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Settings_and_commands_are_told_apart()
    {
        var (commands, configuration) = HostArguments.Split(["keys", "create", "--config", "a.json", "--name", "x", "--EmailService:HostName=y", "--urls", "http://z"]);
        Assert.Equal(["keys", "create", "--name", "x"], commands);
        Assert.Equal(["--config", "a.json", "--EmailService:HostName=y", "--urls", "http://z"], configuration);
    }

    private static OptionsBinder Binder(params (string Key, string Value)[] settings) => new(new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create("EmailService:" + setting.Key, (string?)setting.Value)))
        .Build());

    private sealed record SampleOptions
    {
        public int Count { get; init; }

        public TimeSpan Pause { get; init; }

        public IReadOnlyList<TimeSpan> Pauses { get; init; } = [];

        public string[] Names { get; init; } = [];

        public IPEndPoint? Server { get; init; }

        public NestedOptions Nested { get; init; } = new();

        public Dictionary<string, string> Routes { get; init; } = [];

        public bool? Maybe { get; init; }
    }

    private sealed record NestedOptions
    {
        public Uri? Url { get; init; }
    }
}
