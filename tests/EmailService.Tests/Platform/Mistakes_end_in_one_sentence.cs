using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using EmailService.Platform;
using EmailService.ServiceKit;

namespace EmailService.Tests.Platform;

/// <summary>What people get wrong in the first hour, with the built program: one sentence that says what to change, an exit code by
/// sysexits, no stack trace, and nothing made.</summary>
public sealed class Mistakes_end_in_one_sentence : IDisposable
{
    private const string NoDatabase = "--EmailService:ConnectionString=Host=127.0.0.1;Port=1;Database=x;Username=y --EmailService:Postgres:StartTimeout=100ms";

    /// <summary>Over before the first try, as with the other on a busy machine.</summary>
    private const string NoTime = "--EmailService:ConnectionString=Host=127.0.0.1;Port=1;Database=x;Username=y --EmailService:Postgres:StartTimeout=1ms";

    private readonly string folder = Directory.CreateTempSubdirectory("es-mistake-").FullName;

    public Mistakes_end_in_one_sentence()
    {
        // As a service's folder is: where others may not pass, the cluster would go to /var/lib and stay there.
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        }
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("--urls nonsense", ExitCode.Configuration, "found \"nonsense\", expected an address to listen on")]
    [InlineData("--urls http://127.0.0.1:99999", ExitCode.Configuration, "expected an address to listen on")]
    [InlineData("--urls ftp://127.0.0.1:8099", ExitCode.Configuration, "expected an address to listen on")]
    [InlineData("--urls http://127.0.0.1:8099/mail", ExitCode.Configuration, "expected an address to listen on")]
    [InlineData("--urls http://localhost:0", ExitCode.Configuration, "expected an address to listen on")]
    [InlineData("--urls https://127.0.0.1:8099", ExitCode.Configuration, "no certificate to speak TLS with")]
    [InlineData("--urls http://192.0.2.1:8099", ExitCode.Configuration, "Take an address of this machine")]
    [InlineData("--urls http://127.0.0.1:x", ExitCode.Configuration, "expected an address to listen on")]
    [InlineData("--http_ports x", ExitCode.Configuration, "expected an address to listen on")]
    [InlineData("--Kestrel:Endpoints:Http:Url=http://192.0.2.1:8099", ExitCode.Configuration, "Kestrel:Endpoints:Http:Url: ")]
    [InlineData("--urls http://127.0.0.1:0 --EmailService:DataFolder=/proc/nowhere", ExitCode.CannotCreate, "Set EmailService:DataFolder to a folder that")]
    [InlineData("--urls http://127.0.0.1:0 --EmailService:DataFolder=/dev/null/data", ExitCode.CannotCreate, "The data folder /dev/null/data cannot be made")]
    [InlineData("--urls http://127.0.0.1:0 --EmailService:Postgres:BinaryFolder=/nowhere", ExitCode.Unavailable, "apt-get install postgresql")]
    [InlineData("--urls http://127.0.0.1:0 " + NoDatabase, ExitCode.Unavailable, "did not answer within")]
    [InlineData("--config /nowhere.json", ExitCode.Configuration, "/nowhere.json does not exist")]
    [InlineData("--config /tmp", ExitCode.Configuration, "/tmp may not be read")]
    [InlineData("--config /dev/null", ExitCode.Configuration, "/dev/null cannot be read")]
    [InlineData("--config", ExitCode.Usage, "--config: found no value after it")]
    [InlineData("--Logging:LogLevel:Default=Loud", ExitCode.Configuration, "found \"Loud\", expected one of Trace")]
    [InlineData("--EmailService:Rout:Live=true", ExitCode.Configuration, "did you mean Route?")]
    [InlineData("--EmailService:Route:Live=true --EmailService:HostName=mail.example.com", ExitCode.Configuration, "EmailService:HostName: found the example mail.example.com")]
    [InlineData("--EmailService:Route:Live=true --EmailService:HostName=EXAMPLE.ORG", ExitCode.Configuration, "found the example EXAMPLE.ORG")]
    [InlineData("frobnicate", ExitCode.Usage, "Unrecognized command or argument 'frobnicate'")]
    [InlineData("keys create mine --nme x", ExitCode.Usage, "Unrecognized command or argument")]
    [InlineData("classify nonsense", ExitCode.Usage, "expected a reply that begins with its three-digit code")]
    [InlineData("send --timeout 0 --key SG.x", ExitCode.Usage, "expected 1 to 86400 seconds")]
    [InlineData("send --url http://127.0.0.1:1 --key SG.x", ExitCode.Unavailable, "Is the service running?")]
    [InlineData("send", ExitCode.Configuration, "There is no API key")]
    [InlineData("keys list " + NoDatabase, ExitCode.Unavailable, "did not answer within")]
    [InlineData("keys list " + NoTime, ExitCode.Unavailable, "did not answer within")]
    [InlineData("keys create", ExitCode.Configuration, "No service has a database in the data folder")]
    [InlineData("domains add shop.example", ExitCode.Configuration, "Name the folder of the service in EmailService:DataFolder")]
    [InlineData("jobs list", ExitCode.Configuration, "EmailService:ConnectionString")]
    [InlineData("lanes", ExitCode.Configuration, "settings file")]
    [InlineData("suppressions list", ExitCode.Configuration, "start it once")]
    [InlineData("shaping explain example.com", ExitCode.Configuration, "No service has a database")]
    [InlineData("doctor", ExitCode.Failed, "No service has a database")]
    public async Task And_leave_nothing_behind(string typed, ExitCode code, string told)
    {
        var (ended, output) = await ServiceProcess.EndAsync(folder, typed.Split(' '));

        Assert.True((int)code == ended, $"ended with {ended}: {output}");
        Assert.Contains(told, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(folder, ".data", "postgres", "cluster")), "A database was made.");
        if (code is not ExitCode.Unavailable)
        {
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
        }
    }

    [Theory]
    [InlineData("http://127.0.0.1:{0}")]
    [InlineData("http://localhost:{0}")]
    [InlineData("http://*:{0}")]
    [InlineData("http://127.0.0.1:0;http://0.0.0.0:{0}")]
    public async Task A_busy_port_is_found_before_anything_is_set_up(string urls)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;

        var (ended, output) = await ServiceProcess.EndAsync(folder, ["--urls", urls.Replace("{0}", $"{port}", StringComparison.Ordinal)]);

        Assert.Equal((int)ExitCode.Unavailable, ended);
        Assert.Matches($"^emailservice: http://[^ ]*:{port} is in use by another program.", output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task A_data_folder_of_somebody_else_is_named_and_who_should_run_the_command()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root, to be somebody else");
        var data = Directory.CreateDirectory(Path.Combine(folder, "data", "postgres")).Parent!.FullName;
        File.SetUnixFileMode(data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        string[] nobody = ["setpriv", "--reuid=65534", "--clear-groups"];

        var (ended, output) = await ServiceProcess.EndAsync("/", ["keys", "list", $"--EmailService:DataFolder={data}"], wrapper: nobody);

        Assert.Equal((int)ExitCode.Configuration, ended);
        Assert.Contains($"The data folder {data} may not be read by", output, StringComparison.Ordinal);
    }
}
