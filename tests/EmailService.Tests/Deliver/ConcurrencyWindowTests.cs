using EmailService.Deliver;
using EmailService.Platform;

namespace EmailService.Tests.Deliver;

public sealed class ConcurrencyWindowTests
{
    private readonly ConcurrencyWindow window = new();

    [Theory]
    [InlineData(4, 5)]
    [InlineData(5, 6)]
    [InlineData(10, 6)]
    [InlineData(11, 7)]
    [InlineData(18, 8)]
    public void It_grows_by_one_in_as_many_answers_as_it_is_wide(int answers, int size)
    {
        Answer(answers);

        Assert.Equal(size, window.Size);
    }

    [Fact]
    public void It_never_passes_the_limit()
    {
        Answer(10_000, limit: 20);

        Assert.Equal(20, window.Size);
    }

    [Fact]
    public void It_does_not_grow_while_it_is_not_used()
    {
        for (var i = 0; i < 1000; i++)
        {
            window.Answered(isFull: false, limit: 20, NodeShare.Whole, open: 20);
        }

        Assert.Equal(ConcurrencyWindow.Initial, window.Size);
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(4, 4)]
    [InlineData(5, 3)]
    [InlineData(100, 1)]
    public void Failures_narrow_it_at_the_start_of_their_cycle(int failures, int size)
    {
        for (var i = 0; i < failures; i++)
        {
            window.Failed(isFull: false);
        }

        Assert.Equal(size, window.Size);
    }

    [Fact]
    public void Refusals_in_a_row_narrow_it_to_what_the_site_holds()
    {
        Answer(18);
        Assert.Equal(8, window.Size);

        window.Refused(7, 0, NodeShare.Whole);
        window.Refused(6, 0, NodeShare.Whole);
        window.Refused(5, 0, NodeShare.Whole);

        Assert.Equal((5, 5), (window.Size, window.Learned?.Ceiling));
    }

    [Fact]
    public void A_refusal_without_any_session_leaves_one_connection_and_no_ceiling()
    {
        window.Refused(0, 0, NodeShare.Whole);

        Assert.Equal((1, null), (window.Size, window.Learned?.Ceiling));
        Answer(15);
        Assert.Equal(6, window.Size);
    }

    [Fact]
    public void A_site_that_takes_five_refuses_few_of_many()
    {
        var (refused, answered) = Play(site: () => 5, messages: 5000);

        Assert.InRange(refused, 1, 12);
        Assert.Equal(5000, refused + answered);
    }

    [Fact]
    public void After_a_while_more_is_found_out()
    {
        var site = 5;
        Play(() => site, 1000);
        site = 100;
        Play(() => site, 20_000);

        Assert.Equal(20, window.Size);
    }

    [Fact]
    public void It_stays_between_one_and_the_limit_whatever_happens()
    {
        var chance = new Random(3);
        for (var i = 0; i < 20_000; i++)
        {
            switch (chance.Next(10))
            {
                case 0:
                    window.Refused(chance.Next(-1, 25), 0, NodeShare.Whole);
                    break;
                case 1 or 2:
                    window.Failed(chance.Next(2) == 0);
                    break;
                default:
                    window.Answered(chance.Next(2) == 0, 20, NodeShare.Whole, 20);
                    break;
            }

            Assert.InRange(window.Size, 1, 20);
        }
    }

    [Fact]
    public void What_one_node_learned_is_divided_among_all()
    {
        ConcurrencyWindow[] nodes = [new(), new(), new()];
        nodes[0].Refused(5, 0, Of(0));
        Assert.Equal((2, 5), (nodes[0].Size, nodes[0].Learned?.Ceiling));

        nodes[1].Hear([nodes[0].Learned!], own: 0, others: 5, Of(1));
        nodes[2].Hear([nodes[0].Learned!, nodes[1].Learned!], own: 0, others: 5, Of(2));

        Assert.Equal([2, 2, 1], nodes.Select((n, i) => n.Part(Of(i))));
        Assert.Equal([2, 2, 1], nodes.Select(n => n.Size));
        Assert.All(nodes, n => Assert.Equal(nodes[0].Learned, n.Learned));
    }

    [Fact]
    public void A_node_that_gets_no_session_learns_from_those_that_have_them_all()
    {
        var late = new ConcurrencyWindow();
        late.Refused(0, 0, Of(1));
        Assert.Equal((1, true, null), (late.Size, late.WasRefusedAlone, late.Learned));

        late.Hear([], own: 0, others: 5, Of(1));
        Assert.Equal((1, 5), (late.Size, late.Learned?.Ceiling));

        // The one that has them gives up what is above its part.
        window.Hear([late.Learned!], own: 5, others: 0, Of(0));
        Assert.Equal((2, 5), (window.Size, window.Learned?.Ceiling));
    }

    [Fact]
    public void Sessions_that_are_open_are_not_too_many_whatever_others_say()
    {
        window.Hear([new SessionsLearned { Ceiling = 2, Quiet = 64 }], own: 4, others: 2, Of(0));

        Assert.Equal((4, 2), (window.Learned?.Ceiling, window.Learned?.Version));
    }

    [Fact]
    public void One_try_is_made_for_all_and_its_refusal_known_to_all()
    {
        ConcurrencyWindow[] nodes = [new(), new()];
        nodes[0].Refused(4, 0, Share(0, 2));
        nodes[1].Hear([nodes[0].Learned!], 0, 4, Share(1, 2));
        for (var i = 0; i < ConcurrencyWindow.LeastQuiet; i++)
        {
            nodes[0].Answered(isFull: true, limit: 20, Share(0, 2), open: 4);
        }

        Assert.Equal((5, true), (nodes[0].Learned?.Ceiling, nodes[0].Learned?.IsTrying));
        nodes[1].Hear([nodes[0].Learned!], 2, 2, Share(1, 2));
        for (var i = 1; i < ConcurrencyWindow.LeastQuiet; i++)
        {
            nodes[1].Answered(isFull: true, limit: 20, Share(1, 2), open: 4);
        }

        Assert.Equal(nodes[0].Learned, nodes[1].Learned);

        nodes[0].Refused(2, 2, Share(0, 2));
        Assert.Equal((4, 2 * ConcurrencyWindow.LeastQuiet), (nodes[0].Learned?.Ceiling, nodes[0].Learned?.Quiet));

        // What others have was counted a moment ago, so it lowers the ceiling by one at most.
        nodes[0].Refused(1, 0, Share(0, 1));
        Assert.Equal(1, nodes[0].Learned?.Ceiling);
        nodes[1].Refused(1, 1, Share(1, 2));
        Assert.Equal(4, nodes[1].Learned?.Ceiling);
    }

    [Fact]
    public void Fewer_sessions_than_a_site_takes_say_nothing_about_more()
    {
        window.Refused(3, 2, Share(0, 2));
        for (var i = 0; i < 1000; i++)
        {
            window.Answered(isFull: true, limit: 20, Share(0, 2), open: 4);
        }

        Assert.Equal((3, 5), (window.Size, window.Learned?.Ceiling));
    }

    [Fact]
    public void Failures_narrow_this_node_and_say_nothing_to_others()
    {
        Answer(18);
        window.Failed(isFull: true);

        Assert.Equal((7, null), (window.Size, window.Learned));
        Answer(ConcurrencyWindow.LeastQuiet - 1);
        Assert.Equal(7, window.Size);
        Answer(10);
        Assert.Equal(8, window.Size);
    }

    private static NodeShare Of(int node) => Share(node, 3);

    private static NodeShare Share(int node, int nodes) => new(node, nodes);

    private void Answer(int times, int limit = 20)
    {
        for (var i = 0; i < times; i++)
        {
            window.Answered(isFull: true, limit, NodeShare.Whole, open: limit);
        }
    }

    private (int Refused, int Answered) Play(Func<int> site, int messages)
    {
        var refused = 0;
        for (var i = 0; i < messages; i++)
        {
            if (window.Size > site())
            {
                refused++;
                window.Refused(site(), 0, NodeShare.Whole);
            }
            else
            {
                Answer(1);
            }
        }

        return (refused, messages - refused);
    }
}
