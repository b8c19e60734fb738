using EmailService.Deliver;

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
            window.Answered(isFull: false, limit: 20);
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

        window.Refused(7);
        window.Refused(6);
        window.Refused(5);

        Assert.Equal((5, 5), (window.Size, window.Ceiling));
    }

    [Fact]
    public void A_refusal_without_any_session_leaves_one_connection_and_no_ceiling()
    {
        window.Refused(0);

        Assert.Equal((1, null), (window.Size, window.Ceiling));
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
                    window.Refused(chance.Next(-1, 25));
                    break;
                case 1 or 2:
                    window.Failed(chance.Next(2) == 0);
                    break;
                default:
                    window.Answered(chance.Next(2) == 0, 20);
                    break;
            }

            Assert.InRange(window.Size, 1, 20);
        }
    }

    private void Answer(int times, int limit = 20)
    {
        for (var i = 0; i < times; i++)
        {
            window.Answered(isFull: true, limit);
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
                window.Refused(site());
            }
            else
            {
                Answer(1);
            }
        }

        return (refused, messages - refused);
    }
}
