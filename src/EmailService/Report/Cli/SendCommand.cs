using System.CommandLine;
using System.Net.Http.Headers;
using EmailService.Messages;
using EmailService.Platform;

namespace EmailService.Report.Cli;

/// <summary><c>emailservice send</c>: a test mail through the running service, and every event of it as it comes.</summary>
internal static class SendCommand
{
    public static Command Create(CommandContext context)
    {
        var to = new Option<string>("--to") { Description = "The recipient. Without live delivery the mail goes to the inbox, whoever it is.", DefaultValueFactory = _ => "you@example.org" };
        var from = new Option<string?>("--from") { Description = "The sender; the first verified domain of the account unless told otherwise." };
        var subject = new Option<string>("--subject") { Description = "The subject.", DefaultValueFactory = _ => "A test from EmailService" };
        var stream = new Option<string>("--stream") { Description = "transactional, or bulk: such mail goes behind the other.", DefaultValueFactory = _ => MailStream.Transactional.ToName() };
        stream.AcceptOnlyFromAmong([.. Enum.GetValues<MailStream>().Select(s => s.ToName())]);
        var url = new Option<string?>("--url") { Description = "Where the service listens; from quickstart.env unless told otherwise." };
        var key = new Option<string?>("--key") { Description = "The API key; from quickstart.env unless told otherwise." };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait for the end.", DefaultValueFactory = _ => 60 };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !(int.TryParse(result.Tokens[0].Value, out var seconds) && seconds is > 0 and <= 86400))
            {
                result.AddError("--timeout: expected 1 to 86400 seconds");
            }
        });
        var command = new Command("send", "Send a test mail and print what becomes of it. Ends with 0 when it was delivered, 1 when it was not, 2 when that took too long.")
        {
            to, from, subject, stream, url, key, timeout,
        };
        command.SetAction((parsed, cancel) => CommandContext.Guarded(async () =>
        {
            await using var app = context.BuildQuietly();
            var quickstart = QuickstartFile.Read(app.Services.GetRequiredService<PlatformOptions>().DataPath);
            var apiKey = parsed.GetValue(key) ?? quickstart.ApiKey ?? throw new OperatorException(
                $"There is no API key: no --key, no EMAILSERVICE_API_KEY and no {QuickstartFile.Name} in the data folder {app.Services.GetRequiredService<PlatformOptions>().DataPath}. "
                + "Start the service once, name its EmailService:DataFolder, or make a key with \"keys create\".") { Exit = ExitCode.Configuration };
            var address = parsed.GetValue(url) ?? quickstart.Url ?? "http://127.0.0.1:8080";
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
            {
                throw new OperatorException($"The URL of the service is \"{address}\", expected one such as http://127.0.0.1:8080.") { Exit = ExitCode.Usage };
            }

            using var http = new HttpClient { BaseAddress = new Uri(uri.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/"), Timeout = TimeSpan.FromSeconds(60) };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", apiKey);
            var run = new SendRun(http, Console.Out, TimeProvider.System);
            return await run.RunAsync(
                new TestMail(parsed.GetValue(to)!, parsed.GetValue(from) ?? quickstart.From, parsed.GetValue(subject)!, parsed.GetValue(stream)!),
                TimeSpan.FromSeconds(parsed.GetValue(timeout)), cancel);
        }));
        return command;
    }
}
