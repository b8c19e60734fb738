using EmailService.Dns;

namespace EmailService.Protocol.Tests.Dns;

/// <summary>Who may ask next while all places on the network are taken.</summary>
public sealed class DnsPlacesTests
{
    [Fact]
    public async Task However_many_names_wait_before_it_a_newcomer_is_asked_next_or_next_but_one()
    {
        var places = new DnsPlaces(10);
        await TakeAsync(places, 10);
        var waiting = Ask(places, isFirst: true, 5_000);
        var newcomer = places.TakeAsync(true, default).AsTask();

        places.Release(true);
        places.Release(true);

        Assert.True(newcomer.IsCompletedSuccessfully);
        Assert.Equal(1, Done(waiting));
    }

    [Fact]
    public async Task Those_who_came_first_have_every_other_place()
    {
        var places = new DnsPlaces(1);
        await TakeAsync(places, 1);
        var waiting = Ask(places, isFirst: true, 100);

        for (var i = 0; i < 20; i++)
        {
            places.Release(true);
        }

        Assert.Equal(10, Done(waiting[..10]));
        Assert.Equal(10, Done(waiting[^10..]));
    }

    [Fact]
    public async Task Further_questions_have_half_of_all_places_and_no_more()
    {
        var places = new DnsPlaces(10);
        var further = Ask(places, isFirst: false, 8);

        Assert.Equal(5, Done(further));
        await TakeAsync(places, 5);
        places.Release(true);
        Assert.Equal(5, Done(further));
        places.Release(false);
        Assert.Equal(6, Done(further));
    }

    [Fact]
    public async Task While_both_wait_further_questions_have_one_place_of_four()
    {
        var places = new DnsPlaces(8);
        await TakeAsync(places, 8);
        var first = Ask(places, isFirst: true, 100);
        var further = Ask(places, isFirst: false, 100);

        for (var i = 0; i < 8; i++)
        {
            places.Release(true);
        }

        Assert.Equal((6, 2), (Done(first), Done(further)));
    }

    [Fact]
    public async Task Whoever_gives_up_takes_no_place_with_him()
    {
        var places = new DnsPlaces(1);
        await TakeAsync(places, 1);
        using var patience = new CancellationTokenSource();
        var gone = places.TakeAsync(true, patience.Token).AsTask();
        var stays = places.TakeAsync(true, default).AsTask();

        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        places.Release(true);

        Assert.True(stays.IsCompletedSuccessfully);
        places.Release(true);
        await TakeAsync(places, 1);
    }

    [Fact]
    public async Task Whatever_happens_no_place_is_lost_or_given_twice()
    {
        for (var seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            var most = random.Next(1, 12);
            var places = new DnsPlaces(most);
            var held = new List<bool>();
            var waiting = new List<(bool IsFirst, Task Task, CancellationTokenSource Patience)>();
            for (var step = 0; step < 300 || held.Count + waiting.Count > 0; step++)
            {
                if (step < 300 && random.Next(2) == 0)
                {
                    var (isFirst, patience) = (random.Next(2) == 0, new CancellationTokenSource());
                    waiting.Add((isFirst, places.TakeAsync(isFirst, patience.Token).AsTask(), patience));
                }
                else if (random.Next(5) == 0 && waiting.Count > 0)
                {
                    await waiting[random.Next(waiting.Count)].Patience.CancelAsync();
                }
                else if (held.Count > 0)
                {
                    var gone = random.Next(held.Count);
                    places.Release(held[gone]);
                    held.RemoveAt(gone);
                }

                held.AddRange(waiting.Where(w => w.Task.IsCompletedSuccessfully).Select(w => w.IsFirst));
                waiting.RemoveAll(w => w.Task.IsCompleted);
                Assert.InRange(held.Count, 0, most);
                Assert.True(waiting.Count == 0 || held.Count > 0, $"seed {seed}: somebody waits, and nobody holds a place");
            }
        }
    }

    private static async Task TakeAsync(DnsPlaces places, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await places.TakeAsync(true, default);
        }
    }

    private static List<Task> Ask(DnsPlaces places, bool isFirst, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => places.TakeAsync(isFirst, default).AsTask())];

    private static int Done(List<Task> all) => all.Count(t => t.IsCompletedSuccessfully);
}
