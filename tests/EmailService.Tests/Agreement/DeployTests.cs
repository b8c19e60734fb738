using System.Text.RegularExpressions;
using EmailService.Platform;
using EmailService.ServiceKit;

namespace EmailService.Tests.Agreement;

/// <summary>What lies in <c>deploy</c> and <c>docker-compose.yml</c> against the program.</summary>
public sealed partial class DeployTests
{
    [Fact]
    public void Compose_does_not_start_live_until_a_host_name_is_given()
    {
        var name = DefaultName().Match(Repository.Read("docker-compose.yml")).Groups[1].Value;

        Assert.NotEmpty(name);
        Assert.Throws<OperatorException>(() => ServeCommand.ThrowIfNameIsAnExample(new PlatformOptions { HostName = name }, new DeliveryMode(true)));
        ServeCommand.ThrowIfNameIsAnExample(new PlatformOptions { HostName = name }, new DeliveryMode(false));
        ServeCommand.ThrowIfNameIsAnExample(new PlatformOptions { HostName = "mail.sender.test" }, new DeliveryMode(true));
    }

    [Theory]
    [InlineData("docker-compose.yml")]
    [InlineData("deploy/emailservice.service")]
    public void Every_setting_in_the_environment_is_one_of_the_program(string file)
    {
        var settings = Variable().Matches(Repository.Read(file)).Select(match => match.Groups[1].Value.Replace("__", ":", StringComparison.Ordinal)).Distinct().ToList();
        string[] asGiven = [.. settings.Select(setting => $"--{setting}={(setting.EndsWith("Live", StringComparison.Ordinal) ? "false" : setting.EndsWith("Roles", StringComparison.Ordinal) ? "Api" : setting.EndsWith("ConnectionString", StringComparison.Ordinal) ? "Host=x;Database=y" : "x")}")];

        // Unknown keys are refused.
        using var app = (IDisposable)ServiceHost.Build(asGiven);

        Assert.Equal(file == "docker-compose.yml" ? 4 : 0, settings.Count);
    }

    [Fact]
    public async Task The_settings_file_that_the_unit_shows_is_read()
    {
        var shown = Settings().Match(Repository.Read("deploy/emailservice.service")).Groups[1].Value;
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, shown, TestContext.Current.CancellationToken);

        var (code, output) = await ServiceProcess.EndAsync("/", ["keys", "list", "--config", file]);

        File.Delete(file);
        Assert.Equal((int)ExitCode.Configuration, code);
        Assert.Contains("No service has a database in the data folder /var/lib/emailservice.", output, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"HOST_NAME:-([^}]+)\}")]
    private static partial Regex DefaultName();

    [GeneratedRegex(@"(EmailService__\w+)\s*[:=]")]
    private static partial Regex Variable();

    [GeneratedRegex(@"^# +(\{ ""EmailService"".*)$", RegexOptions.Multiline)]
    private static partial Regex Settings();
}
