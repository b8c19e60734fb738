using EmailService.Platform;

namespace EmailService.Tests.Platform;

public sealed class FileDescriptorsTests
{
    [Theory]
    [InlineData("Max open files            1024                 524288               files     ", 1024L)]
    [InlineData("Max open files            unlimited            unlimited            files     ", null)]
    [InlineData("Max processes             63432                63432                processes ", null)]
    [InlineData("Max open files", null)]
    public void The_limit_is_read_as_Linux_says_it(string line, long? limit) =>
        Assert.Equal(limit, FileDescriptors.LimitIn(["Limit                     Soft Limit           Hard Limit           Units     ", line]));

    /// <summary>Whatever the limit is from the least on, all parts together leave what the program needs for itself.</summary>
    [Fact]
    public void All_parts_together_stay_below_the_limit()
    {
        for (var limit = FileDescriptors.Least; limit < 20_000; limit += 7)
        {
            var descriptors = new FileDescriptors(limit);
            var sum = descriptors.ForDatabase(40) + descriptors.Share("to name servers", 1000) + descriptors.Share("to mail hosts", 500) + descriptors.Share("to the inbox", 500)
                + descriptors.ForCallers!.Value;

            Assert.InRange(sum, 5, limit - FileDescriptors.Own);
            Assert.All(descriptors.Parts, p => Assert.InRange(p.Given, 1, p.Wanted));
        }
    }

    [Fact]
    public void With_what_it_says_it_needs_everybody_has_what_he_asked_for()
    {
        var few = Asked(FileDescriptors.Least);
        Assert.Contains(few.Parts, p => p.Given < p.Wanted);

        Assert.All(Asked((int)few.Needed).Parts, p => Assert.Equal(p.Wanted, p.Given));
        Assert.All(Asked(null).Parts, p => Assert.Equal(p.Wanted, p.Given));

        static FileDescriptors Asked(int? limit)
        {
            var descriptors = new FileDescriptors(limit);
            descriptors.ForDatabase(40);
            descriptors.Share("to name servers", 1000);
            descriptors.Share("to mail hosts", 500);
            descriptors.Share("to the inbox", 500);
            return descriptors;
        }
    }
}
