using System.Net.Sockets;

namespace EmailService.TestKit;

/// <summary>nginx, the real proxy (Debian: nginx), on a free loopback port, in front of a server of the test's. A private instance that
/// touches nothing of the system's and needs no privileges.</summary>
public sealed class NginxProxy : IAsyncDisposable
{
    private readonly GuardedProcess program;

    private NginxProxy(GuardedProcess program, Uri address)
    {
        this.program = program;
        Address = address;
    }

    /// <summary>Where it answers.</summary>
    public Uri Address { get; }

    /// <summary>Starts it with <c>proxy_pass</c> to the server and nothing else: the way a first configuration looks.</summary>
    /// <param name="server">An address as nginx takes it, such as <c>http://127.0.0.1:8080</c> or <c>http://unix:/path</c>.</param>
    /// <param name="directives">Further lines for the location.</param>
    public static async Task<NginxProxy> StartAsync(string server, params string[] directives)
    {
        var nginx = GuardedProcess.Find("/usr/sbin/nginx", "nginx");
        var folder = GuardedProcess.CreateFolder("nginx");
        var port = FreePort.Take();
        await File.WriteAllTextAsync($"{folder}/nginx.conf", $$"""
            daemon off; master_process off; pid {{folder}}/pid; error_log stderr;
            events { }
            http {
                access_log off;
                client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy;
                fastcgi_temp_path {{folder}}/fastcgi; uwsgi_temp_path {{folder}}/uwsgi; scgi_temp_path {{folder}}/scgi;
                server {
                    listen 127.0.0.1:{{port}};
                    location / {
                        proxy_pass {{server}};
                        {{string.Join("\n            ", directives)}}
                    }
                }
            }
            """);
        var program = await GuardedProcess.StartAsync(folder, [nginx, "-e", "stderr", "-p", folder, "-c", $"{folder}/nginx.conf"], () => ListensAsync(port));
        return new NginxProxy(program, new Uri($"http://127.0.0.1:{port}"));
    }

    public ValueTask DisposeAsync() => program.DisposeAsync();

    private static async Task<bool> ListensAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
