using EmailService.Platform;
using EmailService.ServiceKit;
using EmailService.TestKit;

namespace EmailService.EndToEnd;

public sealed class Store_refuses_to_write
{
    [Theory]
    [InlineData("25006")] // read-only, as after a failover to a standby
    [InlineData("57P01")] // being shut down
    [InlineData("57014")] // the server's own timeout
    public async Task The_outcome_waits_until_it_does_and_keeps_its_transcript(string state)
    {
        await using var service = await TestService.StartAsync();
        await using var mx = service.AddMx("shop.test");
        await service.ScalarAsync<int>($"""
            CREATE TABLE broken ();
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF EXISTS (SELECT FROM broken) THEN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION fail();
            INSERT INTO broken DEFAULT VALUES;
            SELECT 1
            """);

        var id = await service.AcceptAsync("anna@shop.test");
        await Wait.UntilAsync(() => !service.Get<StoreHealth>().IsHealthy, "delivering stops");
        await service.ScalarAsync<int>("DELETE FROM broken; SELECT 1");

        await service.WaitForEventAsync(id, "delivered");
        Assert.NotNull(Assert.Single(await service.StepsAsync(id)).Transcript);
        Assert.Single(mx.Messages);
    }
}
