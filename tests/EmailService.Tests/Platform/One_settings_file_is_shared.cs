using System.Runtime.Versioning;
using EmailService.Platform;
using EmailService.ServiceKit;

namespace EmailService.Tests.Platform;

/// <summary>Service and command line read the same settings file, so that a command from any folder finds the service's database.</summary>
public sealed class One_settings_file_is_shared : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("es-settings-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_command_from_another_folder_finds_the_database_of_the_service_that_runs()
    {
        await using var data = new DataFolder();
        using var service = ServiceProcess.Start(data.Path);
        await service.WaitUntilReadyAsync();
        var file = Write("""{"EmailService":{"DataFolder":"DATA"}}""".Replace("DATA", data.Path, StringComparison.Ordinal));

        var (code, key) = await ServiceProcess.EndAsync(folder, ["keys", "create", "mine"], Environment(file));
        service.Http.DefaultRequestHeaders.Authorization = new("Bearer", key.Trim());

        Assert.Equal(0, code);
        Assert.Contains("demo.example", await service.Http.GetStringAsync("/v1/domains"), StringComparison.Ordinal);
        Assert.Equal(["settings.json"], Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName));
    }

    [Fact]
    public async Task The_file_under_etc_is_read_when_none_is_named_and_config_wins_over_the_environment()
    {
        Assert.SkipUnless(System.Environment.IsPrivilegedProcess, "needs root, for a mount namespace");
        var etc = Directory.CreateDirectory(Path.Combine(folder, "etc")).FullName;
        Write("""{"EmailService":{"Shared":1}}""", "etc/emailservice.json");
        var ofVariable = Write("""{"EmailService":{"OfVariable":1}}""", "variable.json");
        var ofOption = Write("""{"EmailService":{"OfOption":1}}""", "option.json");
        // A copy of /etc with the file in it, that only this program sees.
        string[] withEtc = ["unshare", "-m", "sh", "-c", $"mkdir '{folder}/all' && cp -a /etc/. '{folder}/all' && rm -rf '{folder}/all/emailservice' && cp -a '{etc}' '{folder}/all/emailservice' && mount --bind '{folder}/all' /etc && exec \"$0\" \"$@\""];

        var (_, shared) = await ServiceProcess.EndAsync(folder, ["jobs", "list"], Environment(""), withEtc);
        Directory.Delete(Path.Combine(folder, "all"), recursive: true);
        var (_, variable) = await ServiceProcess.EndAsync(folder, ["jobs", "list"], Environment(ofVariable), withEtc);
        Directory.Delete(Path.Combine(folder, "all"), recursive: true);
        var (code, option) = await ServiceProcess.EndAsync(folder, ["jobs", "list", "--config", ofOption], Environment(ofVariable), withEtc);

        Assert.Contains("EmailService:Shared: unknown key", shared, StringComparison.Ordinal);
        Assert.Contains("EmailService:OfVariable: unknown key", variable, StringComparison.Ordinal);
        Assert.Contains("EmailService:OfOption: unknown key", option, StringComparison.Ordinal);
        Assert.Equal((int)ExitCode.Configuration, code);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task A_file_that_may_not_be_read_is_an_error_that_names_it()
    {
        Assert.SkipUnless(System.Environment.IsPrivilegedProcess, "needs root, to be somebody else");
        var file = Write("{}");
        File.SetUnixFileMode(file, UnixFileMode.UserRead);
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);

        var (code, output) = await ServiceProcess.EndAsync("/", ["keys", "create"], Environment(file), ["setpriv", "--reuid=65534", "--clear-groups"]);

        Assert.Equal((int)ExitCode.Configuration, code);
        Assert.Contains($"The settings file {file} may not be read", output, StringComparison.Ordinal);
    }

    private string Write(string text, string name = "settings.json")
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static Dictionary<string, string> Environment(string file) => new() { ["EMAILSERVICE_CONFIG"] = file };
}
