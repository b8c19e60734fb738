using System.Text.Json;
using EmailService.Deliver;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Lane_leaves_the_memory
{
    [Fact]
    public async Task What_it_did_in_the_last_hour_is_shown_all_the_same_and_goes_on_when_it_comes_back()
    {
        await using var service = await TestService.StartAsync(settings: ["Deliver:IdleTimeout=00:00:00.1"]);
        await using var mx = service.AddMx("shop.test");
        using var http = await service.NewClientAsync();
        var lanes = service.Get<LaneDirectory>();
        await service.WaitForEventAsync(await service.AcceptAsync("a@shop.test"), "delivered");
        await Wait.UntilAsync(() =>
        {
            lanes.ForgetIdle();
            return lanes.All().Count == 0;
        }, "the lane to leave the memory");

        var gone = await LaneAsync(http, l => Delivered(l) == 1 && l.GetProperty("connections").GetProperty("open").GetInt32() == 0);
        Assert.StartsWith("250", gone.GetProperty("replies")[0].GetProperty("reply").GetString(), StringComparison.Ordinal);

        await service.WaitForEventAsync(await service.AcceptAsync("b@shop.test"), "delivered");
        await LaneAsync(http, l => Delivered(l) == 2);
    }

    private static int Delivered(JsonElement lane) => lane.GetProperty("last_hour").GetProperty("delivered").GetInt32();

    private static async Task<JsonElement> LaneAsync(HttpClient http, Func<JsonElement, bool> isIt)
    {
        var last = "";
        JsonElement lane = default;
        await Wait.UntilAsync(async () =>
        {
            last = await http.GetStringAsync("/v1/lanes/shop.test");
            lane = JsonDocument.Parse(last).RootElement;
            return isIt(lane);
        }, () => $"the lane as it should be; it is {last}", pause: TimeSpan.FromMilliseconds(100));
        return lane;
    }
}
