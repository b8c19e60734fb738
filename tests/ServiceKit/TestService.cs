using EmailService.Accept;
using EmailService.Dns;
using EmailService.Messages;
using EmailService.Platform;
using EmailService.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace EmailService.ServiceKit;

/// <summary>The whole service in the test's own process, on a database of its own, with a scripted DNS and, when
/// asked for, a clock that the test moves. Live delivery is on: mail goes to the scripted mail hosts.</summary>
public sealed class TestService : IAsyncDisposable
{
    private static int nextHost = 1;

    private readonly TestDatabase database;
    private readonly bool ownsDatabase;
    private readonly bool ownsDns;
    private readonly string dataFolder;
    private bool stopped;

    private TestService(WebApplication app, TestDatabase database, bool ownsDatabase, string dataFolder, LoopbackDns dns, bool ownsDns, ManualTime? time, int mxPort)
    {
        App = app;
        this.dataFolder = dataFolder;
        this.database = database;
        this.ownsDatabase = ownsDatabase;
        Dns = dns;
        this.ownsDns = ownsDns;
        Time = time;
        MxPort = mxPort;
    }

    public WebApplication App { get; }

    public LoopbackDns Dns { get; }

    /// <summary>The clock, if the test moves it.</summary>
    public ManualTime? Time { get; }

    /// <summary>The port on which the service looks for mail hosts, instead of 25.</summary>
    public int MxPort { get; }

    public NpgsqlDataSource Db => database.DataSource;

    public string ConnectionString => database.ConnectionString;

    public T Get<T>() where T : notnull => App.Services.GetRequiredService<T>();

    /// <summary>A database and a DNS that are given are shared with others, and stay when this service ends.</summary>
    public static async Task<TestService> StartAsync(bool manualTime = false, TestDatabase? database = null, LoopbackDns? dns = null,
        int? mxPort = null, Action<WebApplicationBuilder>? configure = null, params string[] settings)
    {
        var (ownsDatabase, ownsDns) = (database is null, dns is null);
        database ??= await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrateAsync);
        dns ??= new LoopbackDns();
        // A whole second: PostgreSQL keeps microseconds, and a time written out in full would be rounded up to after this one.
        var time = manualTime ? new ManualTime(DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds())) : null;
        var port = mxPort ?? FreePort.Take();
        var dataFolder = Directory.CreateTempSubdirectory("es-test-data-").FullName;
        string[] args =
        [
            "--urls", "http://127.0.0.1:0",
            $"--EmailService:ConnectionString={database.ConnectionString}",
            $"--EmailService:DataFolder={dataFolder}",
            "--EmailService:HostName=sender.test",
            "--EmailService:Route:Live=true",
            $"--EmailService:Route:Port={port}",
            $"--EmailService:Route:DnsServers:0={dns.EndPoint}",
            "--EmailService:Route:PrivateNetworks=127.0.0.0/8,::1/128",
            "--EmailService:Notify:AllowPrivateAddresses=true",
            .. settings.Select(s => "--EmailService:" + s),
        ];
        var app = ServiceHost.Build(args, builder =>
        {
            if (time is not null)
            {
                builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(time));
            }

            configure?.Invoke(builder);
        });
        app.Services.GetRequiredService<Accounts.Quickstart>().Output = TextWriter.Null;
        await app.StartAsync();
        await TestSender.AddAsync(app.Services.GetRequiredService<NpgsqlDataSource>());
        return new TestService(app, database, ownsDatabase, dataFolder, dns, ownsDns, time, port);
    }

    public static Task MigrateAsync(string connectionString) => MigrationRunner.ApplyAsync(connectionString);

    /// <summary>A mail host on an address of its own, at the port where the service looks, known to DNS by this name.</summary>
    public ScriptedMx AddMx(string domain, int preference = 10, string? name = null, string? address = null)
    {
        var number = Interlocked.Increment(ref nextHost);
        address ??= $"127.77.{number / 250 % 250}.{(number % 250) + 1}";
        name ??= $"mx{preference}.{domain}";
        var mx = ScriptedMx.Start(address, MxPort);
        Dns.Mx(domain, preference, name).A(name, address);
        return mx;
    }

    /// <summary>Accepts a message as if it had come by HTTP.</summary>
    public async Task<MessageId> AcceptAsync(string to, OnUnknown onUnknown = OnUnknown.Retry, DateTimeOffset? sendAt = null, IdempotencyKey? key = null,
        MailStream stream = MailStream.Transactional, string? ipPool = null)
    {
        var request = Request(to, onUnknown, sendAt) with { Stream = stream, IpPool = ipPool };
        var result = await Get<AcceptWorker>().AcceptAsync(1, request, key, CancellationToken.None);
        return ((AcceptResult.Accepted)result).RequestId;
    }

    public static SendRequest Request(string to, OnUnknown onUnknown = OnUnknown.Retry, DateTimeOffset? sendAt = null) => new()
    {
        Content = new MessageContent
        {
            From = new MailAddress("shop@sender.test", "The Shop"),
            Subject = "Your order",
            Bodies = [new MessageBody("text/plain", "Thank you for your order.\n")],
        },
        Messages = [new RequestedMessage(new Personalization { To = [.. to.Split(',').Select(t => new MailAddress(t.Trim()))] }, sendAt, new Dictionary<string, string>())],
        OnUnknown = onUnknown,
        Size = 500,
    };

    /// <summary>The kinds of a message's events, in the order of the log.</summary>
    public async Task<List<string>> EventsAsync(MessageId message)
    {
        await using var command = Db.CreateCommand("SELECT kind FROM events WHERE message_id = $1 ORDER BY xact, id");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = message.Value });
        await using var reader = await command.ExecuteReaderAsync();
        var kinds = new List<string>();
        while (await reader.ReadAsync())
        {
            kinds.Add(reader.GetString(0));
        }

        return kinds;
    }

    /// <summary>Waits until the log says it; a test that waits for what never comes fails after a minute.</summary>
    public async Task<List<string>> WaitForEventAsync(MessageId message, string kind, int times = 1)
    {
        List<string> kinds = [];
        await Wait.UntilAsync(async () =>
        {
            kinds = await EventsAsync(message);
            if (kinds.Count(k => k == kind) >= times)
            {
                return true;
            }

            await WakePollAsync();
            return false;
        }, () => $"\"{kind}\" ({times} times) in the log of {message}; it has: {string.Join(", ", kinds)}");
        return kinds;
    }

    /// <summary>Moves the clock to the time when the message's next recipient is due. Returns that time.</summary>
    public async Task<DateTimeOffset> MoveToNextAttemptAsync(MessageId message)
    {
        var due = await DueAtAsync(message);
        if (due > Time!.GetUtcNow())
        {
            Time.Advance(due - Time.GetUtcNow());
        }

        return due;
    }

    /// <summary>When the message's next recipient is due, once none is in hand.</summary>
    public async Task<DateTimeOffset> DueAtAsync(MessageId message)
    {
        await Wait.UntilAsync(
            async () => await ScalarAsync<long>($"SELECT count(*) FROM outbox WHERE message_id = '{message.Value}' AND state = 'leased'") == 0,
            $"{message} is not in hand");
        return new DateTimeOffset(await ScalarAsync<DateTime>($"SELECT min(due_at) FROM outbox WHERE message_id = '{message.Value}'"), TimeSpan.Zero);
    }

    /// <summary>Moves the clock so far, from one time when something is due to the next: a leap would end what begins under way of it.</summary>
    public async Task MoveByDueTimesAsync(TimeSpan time)
    {
        var end = Time!.GetUtcNow() + time;
        await WaitForRestAsync();
        while (Time.GetUtcNow() < end)
        {
            await using var command = Db.CreateCommand("SELECT least(min(due_at), $1) FROM outbox");
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = end.UtcDateTime });
            Time.Advance((DateTime)(await command.ExecuteScalarAsync())! - Time.GetUtcNow().UtcDateTime);
            await WaitForRestAsync();
        }
    }

    /// <summary>Waits until nothing is in hand and the rest is due later. While something is in hand the clock stands: what is under way has
    /// deadlines.</summary>
    public Task WaitForRestAsync() => Wait.UntilAsync(
        async () =>
        {
            await using var command = Db.CreateCommand("SELECT state FROM outbox WHERE state = 'leased' OR due_at <= $1 ORDER BY state LIMIT 1");
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = Time!.GetUtcNow().UtcDateTime });
            var first = (string?)await command.ExecuteScalarAsync();
            if (first == "queued")
            {
                Time.Advance(TimeSpan.FromSeconds(1));
            }

            return first is null;
        },
        "nothing is in hand or due");

    /// <summary>With a clock that stands still nobody looks at the table: while something in it is due, the clock goes on a little.</summary>
    public async Task WakePollAsync()
    {
        if (Time is null)
        {
            return;
        }

        await using var command = Db.CreateCommand("SELECT count(*) FROM outbox WHERE state = 'queued' AND due_at <= $1");
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = Time.GetUtcNow().UtcDateTime });
        if ((long)(await command.ExecuteScalarAsync())! > 0)
        {
            Time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>The message's rows of <c>attempts</c>, in order.</summary>
    public async Task<List<Step>> StepsAsync(MessageId message)
    {
        await using var command = Db.CreateCommand("""
            SELECT attempt, step, mail_host, disposition, scope, stage, reply, tls, transcript
              FROM attempts WHERE message_id = $1 ORDER BY n, attempt, step
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = message.Value });
        await using var reader = await command.ExecuteReaderAsync();
        var steps = new List<Step>();
        while (await reader.ReadAsync())
        {
            steps.Add(new Step(
                reader.GetInt32(0), reader.GetInt16(1), reader.GetString(2), reader.GetString(3), reader[4] as string,
                reader.GetString(5), reader.GetString(6), reader[7] as string, reader[8] as string));
        }

        return steps;
    }

    /// <summary>A value of the detail of the message's last event of a kind.</summary>
    public Task<string> DetailAsync(MessageId message, string kind, string key) => ScalarAsync<string>(
        $"SELECT detail ->> '{key}' FROM events WHERE message_id = '{message.Value}' AND kind = '{kind}' ORDER BY xact DESC, id DESC LIMIT 1");

    /// <summary>One value of one row.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = Db.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>A graceful stop; the database and the DNS stay.</summary>
    public async Task StopAsync()
    {
        if (!stopped)
        {
            stopped = true;
            await App.StopAsync();
            await App.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (ownsDns)
        {
            await Dns.DisposeAsync();
        }

        if (ownsDatabase)
        {
            await database.DisposeAsync();
        }

        if (Directory.Exists(dataFolder))
        {
            Directory.Delete(dataFolder, recursive: true);
        }
    }
}

/// <summary>A row of <c>attempts</c>.</summary>
public sealed record Step(
    int Attempt, int Number, string MailHost, string Disposition, string? Scope, string Stage, string Reply, string? Tls, string? Transcript);
