using System.Globalization;
using System.Text;
using System.Text.Json;
using EmailService.Accounts;
using EmailService.Deliver;
using EmailService.Dns;
using EmailService.Inbox;
using EmailService.Platform;
using EmailService.Platform.Http;
using EmailService.Platform.Jobs;
using EmailService.Route;
using EmailService.ServiceKit;
using EmailService.Smtp;
using EmailService.TestKit;
using EmailService.TlsReports;
using EmailService.Tests.Accounts;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Tests.Platform;

/// <summary>Text from outside, at each place where it comes in: into the database, the log, the terminal.</summary>
public sealed class What_strangers_say_is_cleaned
{
    /// <summary>NUL, terminal escapes of both kinds, a forged line, breaks that are no control characters, directions, what nothing shows, half characters, too much.</summary>
    public static TheoryData<string> Hostile { get; } =
    [
        "\0", "a\0b", "\u001b[31mred\u001b]0;title\a", "\u009b31m\u0085", "ok\r\n12:00 info: all is well", "a\u2028b\u2029c", "\u202egnp.exe", "\u2066\u2067\u2068\u2069",
        "\u200e\u200f\u061c", "\ufeff\ufff9\ufffa\ufffb", "\U000E0041\U000E007F", "\ufffe\uffff\ufdd0", "\x7f\b\v", $"x{(char)0xd83d}y{(char)0xdc00}", new string('\u202e', 5000), new string('x', 100_000),
    ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void One_function_makes_any_text_fit(string text)
    {
        AssertFit(OneLine.Of(text, 300), 300);
        AssertFit(OneLine.Lines(text, 300), 300);
        AssertFit(OneLine.OfOctets(Octets(text), 300), 300);
        AssertFit(Settling.OneLine(new SmtpReply(550, null, text)), 1001);
        using var verdict = JsonDocument.Parse(TlsVerdict.Of(new TlsDecision.Refuse(text, SmtpReply.Local(450, new EnhancedStatusCode(4, 7, 5), text))));
        AssertFit(verdict.RootElement.GetProperty("problem").GetString()!, 1000);
    }

    [Fact]
    public void Any_character_becomes_fit_and_those_of_languages_stay()
    {
        for (var value = 0; value <= 0x10FFFF; value++)
        {
            if (Rune.IsValid(value))
            {
                AssertFit(OneLine.Of($"a{new Rune(value)}b", 10), 10);
            }
        }

        foreach (var text in new[] { "João – ação", "日本語", "עברית", "العربية", "नमस्ते", "👩‍👩‍👧", "می‌خواهم", "a\u00a0b" })
        {
            Assert.Equal(text, OneLine.Of(text, 100));
        }
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task What_a_domain_publishes_can_be_stored_and_is_found_wanting(string text)
    {
        await using var world = await DomainWorld.StartAsync("shop.example");
        var domain = world.Domains[0];
        foreach (var name in new[] { $"{domain.DkimSelector}._domainkey.shop.example", "bounces.shop.example", "_dmarc.shop.example" })
        {
            world.Dns.Txt(name, Octets(text)).Txt(name, "v=spf1 " + Octets(text)).Txt(name, "v=DMARC1; " + Octets(text));
        }

        world.Dns.Txt("shop.example", Octets(text));
        var check = (await world.Verifier.VerifyAsync(domain, default))!;

        var stored = (await world.Store.GetAsync(domain.AccountId, domain.Name, default))!;
        AssertFit(stored.CheckResult!, 100_000);
        foreach (var record in check.Records.Concat(world.Verifier.LastCheck(stored)))
        {
            Assert.All(record.Found, found => AssertFit(found, 2000));
            AssertFit(record.WhatToDo ?? "", 4000);
        }
    }

    [Fact]
    public async Task One_bad_domain_does_not_end_the_daily_check_of_the_others()
    {
        await using var world = await DomainWorld.StartAsync("a.example", "b.example", "c.example", "d.example");
        foreach (var domain in world.Domains)
        {
            world.Dns.Txt($"{domain.DkimSelector}._domainkey.{domain.Name}", domain.Name == "b.example" ? "v=DKIM1;\0 p=\0" : domain.DkimRecord);
        }

        // A fault of ours, for one domain alone.
        var broken = new BreaksAt(world.Resolver, $"{world.Domains[2].DkimSelector}._domainkey.c.example");
        var verifier = DomainData.Verifier(world.Store, broken, world.Time);
        var job = new DomainRecheck(world.Store, verifier, new DeliveryMode(true), world.Time, NullLogger<DomainRecheck>.Instance);

        var result = (await Assert.ThrowsAsync<JobFailedException>(() => job.ExecuteAsync(default))).Message;

        Assert.StartsWith("2 good, 1 with missing or wrong records, of which 0 lost their verification, 0 without an answer from DNS, 1 not checked", result, StringComparison.Ordinal);
        Assert.Equal(["a.example", "b.example", "d.example"], (await Task.WhenAll(world.Domains.Select(d => world.Store.GetAsync(d.AccountId, d.Name, default))))
            .Where(d => d!.CheckedAt is not null).Select(d => d!.Name));
        AssertFit((string)(await world.Database.ScalarAsync("SELECT string_agg(detail::text, '') FROM events"))!, 100_000);
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task Mail_of_the_inbox_can_be_listed_whatever_its_header_says(string text)
    {
        await using var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync);
        var store = new InboxStore(database.DataSource);

        await store.AddAsync(TimeProvider.System.GetUtcNow(), text, [text, "a@shop.test"], text, text, "data"u8.ToArray(), null, default);

        var entry = Assert.Single(await store.ListAsync(null, long.MaxValue, "a@shop.test", 10, default));
        Assert.All(entry.Recipients.Append(entry.From).Append(entry.Subject).Append(entry.ReversePath), field => AssertFit(field, 2000));
    }

    [Fact]
    public async Task Nothing_that_mail_hosts_and_domains_say_is_in_any_table_as_it_came()
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        var said = string.Concat(Hostile.Select(row => (string)row.Data).Where(text => text.Length < 100)).Replace('\n', ' ').Replace('\r', ' ');
        mx.ReplyTo("refused@shop.test", $"550 5.1.1 no such user {said}");
        mx.ReplyTo("later@shop.test", $"450-4.2.1 busy {said}\n450 4.2.1 {said}");
        mx.Reply(SmtpStage.EndOfData, $"250 2.0.0 {said}");
        service.Dns.Txt("_mta-sts.shop.test", $"v=STSv1; id={Octets(said)}").Txt("_smtp._tls.shop.test", $"v=TLSRPTv1; rua=https://x{Octets(said)}/,mailto:a@b.test?{Octets(said)}")
            .Txt("es1._domainkey.sender.test", Octets(said)).Txt("bounces.sender.test", $"v=spf1 {Octets(said)}");

        await service.WaitForEventAsync(await service.AcceptAsync("refused@shop.test"), "bounced");
        await service.WaitForEventAsync(await service.AcceptAsync("later@shop.test"), "deferred");
        await service.WaitForEventAsync(await service.AcceptAsync("good@shop.test"), "delivered");
        await Assert.ThrowsAsync<JobFailedException>(() => service.Get<DomainRecheck>().ExecuteAsync(default));
        await service.Get<DomainVerifier>().VerifyAsync((await service.Get<SendingDomains>().GetAsync(1, "sender.test", default))!, default);

        var rows = 0;
        foreach (var table in (await service.ScalarAsync<string>("SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'")).Split(','))
        {
            await using var command = service.Db.CreateCommand($"SELECT t::text FROM \"{table}\" AS t");
            await using var reader = await command.ExecuteReaderAsync();
            while (await reader.ReadAsync())
            {
                rows++;
                var row = reader.GetString(0);
                Assert.True(IsFit(row) && !row.Contains("\\u00", StringComparison.Ordinal), $"{table}: {row}");
            }
        }

        Assert.True(rows > 20);
        Assert.Contains("no such user", await service.ScalarAsync<string>("SELECT reply FROM suppressions"), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_place_for_TLS_reports_is_plain_ASCII_or_none(string text)
    {
        foreach (var place in TlsReportRecord.Parse($"v=TLSRPTv1; rua=https://a.test/{Octets(text)},mailto:a@b.test?x={Octets(text)}"))
        {
            AssertFit(place.OriginalString, 1000);
        }
    }

    [Fact]
    public async Task A_path_writes_no_line_of_its_own_into_the_log()
    {
        var log = new Lines();
        foreach (var row in Hostile)
        {
            var context = new DefaultHttpContext { Request = { Method = "GET\n", Path = "/" + row.Data }, Response = { Body = new MemoryStream() } };
            await new ApiErrorMiddleware(_ => throw new InvalidOperationException("on purpose"), log).InvokeAsync(context);
        }

        Assert.Equal(Hostile.Count, log.Written.Count);
        Assert.All(log.Written, line => AssertFit(line, 300));
    }

    private static void AssertFit(string text, int most)
    {
        Assert.True(text.Length <= most, $"{text.Length} characters, more than {most}");
        Assert.True(IsFit(text), string.Join(' ', text.Take(50).Select(c => ((int)c).ToString("x4", CultureInfo.InvariantCulture))));
    }

    /// <summary>Said apart from the code: what PostgreSQL refuses, what is a control character, and the ranges of Unicode that turn or hide text.</summary>
    private static bool IsFit(string text)
    {
        foreach (var c in text)
        {
            var category = char.GetUnicodeCategory(c);
            if ((category == UnicodeCategory.Control && c != '\n') || category is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                || c is '\u061c' or '\u200e' or '\u200f' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u206f') or '\ufeff' or (>= '\ufff9' and <= '\ufffb') or '\ufffe' or '\uffff')
            {
                return false;
            }
        }

        // Throws at half a surrogate pair; tags are outside of the basic plane.
        return !text.EnumerateRunes().Any(rune => rune.Value is >= 0xE0000 and <= 0xE0FFF) && new UTF8Encoding(false, true).GetByteCount(text) >= 0;
    }

    /// <summary>As DNS carries it: UTF-8, one character for each octet.</summary>
    private static string Octets(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text.Length > 2000 ? text[..2000] : text));

    private sealed class DomainWorld : IAsyncDisposable
    {
        public ManualTime Time { get; } = new();
        public LoopbackDns Dns { get; } = new();
        public required TestDatabase Database { get; init; }
        public required DnsResolver Resolver { get; set; }
        public required SendingDomains Store { get; set; }
        public List<SendingDomain> Domains { get; } = [];
        public DomainVerifier Verifier => DomainData.Verifier(Store, Resolver, Time, "192.0.2.1");

        public static async Task<DomainWorld> StartAsync(params string[] names)
        {
            var world = new DomainWorld { Database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(MigrationRunner.ApplyAsync), Resolver = null!, Store = null! };
            world.Resolver = new DnsResolver(new DnsResolverOptions { Servers = [world.Dns.EndPoint] }, TimeProvider.System);
            world.Store = new SendingDomains(world.Database.DataSource, new DeliveryMode(true), world.Time);
            var account = await new AccountStore(world.Database.DataSource).GetOrAddAsync("shop", default);
            foreach (var name in names)
            {
                world.Domains.Add((await world.Store.AddAsync(account, name, verified: true, default))!);
            }

            return world;
        }

        public async ValueTask DisposeAsync()
        {
            Resolver.Dispose();
            await Dns.DisposeAsync();
            await Database.DisposeAsync();
        }
    }

    private sealed class BreaksAt(IDnsResolver inner, string name) : IDnsResolver
    {
        public ValueTask<DnsAnswer> QueryAsync(string asked, DnsType type, CancellationToken cancellationToken) =>
            asked == name ? throw new InvalidOperationException("on purpose") : inner.QueryAsync(asked, type, cancellationToken);
    }

    private sealed class Lines : ILogger<ApiErrorMiddleware>
    {
        public List<string> Written { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Written.Add(formatter(state, exception));
    }
}
