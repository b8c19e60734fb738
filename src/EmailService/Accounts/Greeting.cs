using EmailService.Platform;

namespace EmailService.Accounts;

/// <summary>What each start tells whoever looks: where the service listens, where the key is, where mail goes, and a line that sends a first one.</summary>
internal sealed record Greeting
{
    /// <summary>An address that works on this machine.</summary>
    public required string Url { get; init; }

    /// <summary>Shown, so only when it is new and on a terminal; else null.</summary>
    public string? Key { get; init; }

    /// <summary>The file with the key; null when there is none.</summary>
    public string? KeyFile { get; init; }

    /// <summary>Why there is no file, when one should have been written.</summary>
    public string? Problem { get; init; }

    public required DeliveryMode Mode { get; init; }

    /// <summary>The name that mail hosts hear.</summary>
    public required string HostName { get; init; }

    /// <summary>A verified domain to send from; null when there is none.</summary>
    public string? Domain { get; init; }

    public override string ToString() => $"""

          EmailService listens on  {Url}
        {KeyLines()}
          Live delivery is         {DeliveryLine()}
        {MailLines()}

        """;

    /// <summary>For a process that takes no requests to send.</summary>
    public string WithoutApi() => $"\n  EmailService listens on  {Url}\n  Live delivery is         {DeliveryLine()}\n";

    private string KeyLines() => (Key, KeyFile) switch
    {
        ({ } key, { } file) => $"  API key                  {key}\n  Both are also in         {file}",
        ({ } key, null) => $"  API key                  {key}\n  Keep it: it is shown this once, and kept nowhere ({Problem})",
        (null, { } file) => $"  The API key is in        {file} ({Quickstart.KeyVariable}), which its owner alone may read",
        _ => $"  Make an API key with     emailservice keys create <name> --operator{(Problem is null ? "" : $"\n  None was made, as it could be kept nowhere ({Problem})")}",
    };

    private string DeliveryLine() => Mode switch
    {
        { Live: false } => $"off: nothing leaves this machine. All mail goes to {Url}/inbox (it asks for the API key)",
        { Relay: { } relay } => $"on: mail goes by the relay {relay}, and there is no inbox",
        _ => $"on: mail goes to its recipients' mail hosts, greeted as {HostName}, and there is no inbox",
    };

    private string MailLines() => Domain is null
        ? "  Add the domain you send from, and publish the records that this prints:\n    emailservice domains add <domain>"
        : $"  {(Mode.Live ? "With an address of yours for <recipient>, this sends a mail:" : "Paste this to send a first mail:")}\n    {CurlLine(Domain)}";

    private string CurlLine(string domain) =>
        (Key is null && KeyFile is not null ? $". '{KeyFile}'; " : "")
        + $"curl -s {Url}/v1/send -H {Authorization()} -H 'Content-Type: application/json' -d "
        + $$"""'{"from":"Demo <hello@{{domain}}>","to":"{{(Mode.Live ? "<recipient>" : "you@example.com")}}","subject":"Hello","text":"It works."}'""";

    private string Authorization() =>
        Key is not null ? $"'Authorization: Bearer {Key}'" : KeyFile is not null ? $"\"Authorization: Bearer ${Quickstart.KeyVariable}\"" : "'Authorization: Bearer <key>'";
}
