using System.Text.Json;
using EmailService.TestKit;

namespace EmailService.EndToEnd.Crash;

/// <summary>Holds what a webhook's receiver got against the log: every event at least once, in the log's order per recipient,
/// a repeated event with the same id and the same words.</summary>
internal sealed class WebhookProof
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
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
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var before = first.Count;
            Read(sink.Requests);
            if (first.Count >= expected)
            {
                break;
            }

            if (first.Count != before)
            {
                since = TimeProvider.System.GetTimestamp();
            }

            if (TimeProvider.System.GetElapsedTime(since) > Patience)
            {
                Breaches.Add($"the log has {expected} events, and the webhook got {first.Count}");
                break;
            }

            await Task.Delay(100);
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
