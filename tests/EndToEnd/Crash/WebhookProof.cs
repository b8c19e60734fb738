using System.Text.Json;
using EmailService.TestKit;

namespace EmailService.EndToEnd.Crash;

/// <summary>Holds what a webhook's receiver got against the log: every event at least once, in the log's order per recipient,
/// a repeated event with the same id and the same words.</summary>
internal sealed class WebhookProof
{
    private readonly Dictionary<string, string> first = [];
    private readonly Dictionary<string, List<string>> stories = [];
    private int read;

    public List<string> Breaches { get; } = [];

    public int Requests => read;

    public int Events => first.Count;

    public int Repeats { get; private set; }

    public async Task CheckAsync(WebhookSink sink, CrashLog log)
    {
        var expected = log.Events.Sum(e => e.Count());
        try
        {
            await Wait.UntilAsync(
                () =>
                {
                    Read(sink.Requests);
                    return Task.FromResult(first.Count >= expected);
                },
                () => $"the webhook has the log's {expected} events; it got {first.Count}", progress: () => first.Count);
        }
        catch (TimeoutException e)
        {
            // What it got is held against the log all the same.
            Breaches.Add(e.Message);
        }

        foreach (var events in log.Events)
        {
            var logged = string.Join(", ", events.Select(e => NameOf(e.Kind)));
            var told = string.Join(", ", stories.GetValueOrDefault(events.Key, []));
            if (logged != told)
            {
                Breaches.Add($"the log says of {events.Key}: {logged}; the webhook was told: {told}");
            }
        }
    }

    private void Read(IReadOnlyList<SinkRequest> requests)
    {
        for (; read < requests.Count; read++)
        {
            using var document = JsonDocument.Parse(requests[read].Body);
            foreach (var element in document.RootElement.EnumerateArray())
            {
                Read(element, wasTaken: requests[read].Status == 200);
            }
        }
    }

    private void Read(JsonElement element, bool wasTaken)
    {
        var id = element.GetProperty("sg_event_id").GetString()!;
        var text = element.GetRawText();
        if (first.TryGetValue(id, out var before))
        {
            Repeats++;
            if (before != text)
            {
                Breaches.Add($"event {id} was told in two ways: {before} and {text}");
            }
        }
        else if (wasTaken)
        {
            first.Add(id, text);
            var address = element.GetProperty("email").GetString()!;
            if (!stories.TryGetValue(address, out var story))
            {
                stories[address] = story = [];
            }

            story.Add(element.GetProperty("event").GetString()!);
        }
    }

    private static string NameOf(string kind) => kind is "bounced" or "expired" ? "bounce" : kind;
}
