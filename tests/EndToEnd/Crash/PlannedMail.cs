using System.Text.Json;

namespace EmailService.EndToEnd.Crash;

/// <summary>Where a recipient must end.</summary>
internal enum Fate
{
    /// <summary>Delivered.</summary>
    Arrives,

    /// <summary>Bounced, without a copy.</summary>
    Bounces,

    /// <summary>The host takes it and falls silent, and the sender wants it rather never than twice: bounced with a copy; or
    /// delivered by the attempt after a crash that swallowed the silence.</summary>
    ArrivesUnsaid,
}

/// <summary>An address that is used once in the run, and what its mail host does to it.</summary>
internal sealed record PlannedRecipient(string Address, Fate Fate, int Refusals = 0, bool IsCutOff = false);

/// <summary>One request of the run. Every seventh or so meets trouble at its mail host.</summary>
internal sealed record PlannedMail(int Number, IReadOnlyList<PlannedRecipient> Recipients)
{
    public const string Sender = "shop@sender.test";
    public const string ClosedDomain = "closed.test";
    public static readonly string[] Domains = ["a.test", "b.test", "c.test"];

    public string IdempotencyKey => $"order-{Number}";

    public static IReadOnlyList<PlannedMail> Make(int count) => [.. Enumerable.Range(0, count).Select(One)];

    /// <summary>The body of <c>POST /v1/send</c>.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
    {
        ["from"] = Sender,
        ["to"] = Recipients.Select(r => r.Address),
        ["subject"] = $"Order {Number}",
        ["text"] = $"Thank you for order {Number}.\n{new string('.', 60)}\n",
        ["on_unknown_outcome"] = Recipients[0].Fate == Fate.ArrivesUnsaid ? "stop" : "retry",
    });

    private static PlannedMail One(int number)
    {
        PlannedRecipient[] recipients = (number % 20) switch
        {
            0 => [Plain(number, 0) with { Refusals = 1 }],
            1 => [Plain(number, 0) with { Refusals = 2 }],
            2 => [Plain(number, 0) with { Fate = Fate.Bounces }],
            3 => [Plain(number, 0) with { IsCutOff = true }],
            4 => [Plain(number, 0) with { IsCutOff = true, Fate = Fate.ArrivesUnsaid }],
            5 => [Plain(number, 0), Plain(number, 1) with { Refusals = 1 }, Plain(number, 2) with { Fate = Fate.Bounces }],
            6 => [.. Enumerable.Range(0, 4).Select(i => Plain(number, i))],
            7 => [new PlannedRecipient($"{number}@{ClosedDomain}", Fate.Bounces)],
            _ => [Plain(number, 0)],
        };
        return new PlannedMail(number, recipients);
    }

    private static PlannedRecipient Plain(int number, int i) => new($"{number}.{i}@{Domains[(number + i) % Domains.Length]}", Fate.Arrives);
}
