using System.Diagnostics.Metrics;
using System.Reflection;
using EmailService.Accept;
using EmailService.Accounts;
using EmailService.Deliver;
using EmailService.Egress;
using EmailService.Messages;
using EmailService.Outbox;
using EmailService.Platform;
using EmailService.Record;
using EmailService.Route;
using EmailService.Sign;
using EmailService.Steer;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace EmailService.Simulation;

/// <summary>One process: the real classes from the accepted request to the stored outcome, over the model of the store and of the world.</summary>
internal sealed class SimNode
{
    private static readonly ServiceMeter Meter = new(new Meters());
    private static readonly ReplyRules Rules = ReplyRulesReader.Load(null);

    private readonly SimWorld world;
    private readonly SimRegistry registry;
    private readonly StoreLink link;
    private readonly SimDialer dialer;
    private readonly Dispatcher dispatcher;
    private readonly LeaseSweeper sweeper;
    private readonly PaceExchange paces;
    private readonly SiteKeeper keeper;
    private readonly Ledger ledger;
    private readonly AcceptWorker accept;
    private readonly CancellationTokenSource stopping = new();
    private TimeSpan lastBeat;
    private TimeSpan lastSilence = TimeSpan.MinValue;

    public SimNode(SimWorld world, long number, Random random)
    {
        this.world = world;
        Number = number;
        Clock = new NodeClock(world.Clock);
        var (options, platform) = (world.Settings.Outbox, world.Settings.Platform);
        var route = new RouteOptions { Live = true, MtaSts = false, Ipv6 = false };
        link = new StoreLink(world.Store, world.Clock, Clock, random, world.Trace, number);
        dialer = new SimDialer(world.Net, this, world.Clock, world.Truth);
        var sites = new SiteStandings(Clock);
        Hand = new Hand(options, Clock, sites);
        var health = new StoreHealth(link, Clock, Log<StoreHealth>());
        registry = new SimRegistry(link, health, Clock, platform, Beaten);
        var events = new EventSignal(Clock);
        var overlays = world.Overlays.Of(Clock);
        var metrics = new RecordMetrics(Meter);
        var reactions = new Reactions(Rules, new SimOverlays.Imposing(world.Overlays, link), new RefusalWatch(Clock), metrics, Clock, Log<Reactions>());
        ledger = new Ledger(
            link, Hand, health, events, new TlsTally(null!, metrics, Clock, Log<TlsTally>()), new RecordOptions(), metrics, Clock, new OutcomeLog(NullLoggerFactory.Instance), Log<Ledger>());
        var router = new Router(world.Net, route, new CatchAllEndPoint(), SimSettings.Shaping, random);
        var deliverer = new Deliverer(
            new HostAddresses(world.Net, new SystemResolver(Clock), AllowedAddresses.All, new OwnHostNames([]), route, Clock), new TlsPolicyFinder(null!, null!, route), ledger, Verp(), new HostMemory(Clock), new ExtensionMemory(Clock), world.Settings.Deliver, options, Rules, reactions, Clock,
            random, Log<Deliverer>());
        var signer = new SimSigner(Clock);
        var egress = new EgressTable(new EgressOptions(), platform);
        var allowances = new WarmUpAllowances(null!, Clock);
        var holding = new Holding(overlays, egress, link, Hand, deliverer, registry, health, options, Meter, Clock, Log<Holding>());
        var routes = new Rerouting(router, new OneAccount(), overlays);
        var heard = new HeardPaces();
        var connections = new ConnectionLimit(world.Settings.Connections ?? ConnectionRules.Of(world.Settings.Deliver.Connections), Clock);
        var context = new LaneContext(
            deliverer, holding, routes, overlays, link, Hand, health, registry, dialer, connections, sites, allowances, heard, world.Settings.Deliver, options, new TlsTrust(), new LaneMetrics(Meter), Clock, random, Log<LaneContext>());
        var lanes = new LaneDirectory(context, egress);
        keeper = new SiteKeeper(sites, link, Clock, Log<SiteKeeper>());
        paces = new PaceExchange(lanes, heard, link, registry, Log<PaceExchange>());
        dispatcher = new Dispatcher(
            Hand, link, link, signer, routes, new SourceFinder(egress, new EgressChooser(allowances, Clock, random), new OneAccount(), overlays, registry), lanes, context, deliverer, holding, health, registry, options, Clock, random, Log<Dispatcher>());
        sweeper = new LeaseSweeper(link, Hand, registry, health, options, Clock, Log<LeaseSweeper>());
        accept = new AcceptWorker(link, Hand, registry, health, events, new AcceptOptions(), options, new AcceptMetrics(Meter), Clock, Log<AcceptWorker>());
    }

    public long Number { get; }

    public NodeClock Clock { get; }

    public Hand Hand { get; }

    public long NodeId => registry.NodeId;

    public TimeSpan HeartbeatInterval => world.Settings.Platform.HeartbeatInterval;

    /// <summary>Takes requests.</summary>
    public bool IsUp { get; private set; }

    public bool IsCut
    {
        set => link.IsCut = value;
    }

    /// <summary>Others may have taken what it held then: it died, signed off, or fell silent for as long as a silent node keeps it.</summary>
    public bool WasTakenForDeadSince(TimeSpan time) =>
        Clock.IsDead || lastSilence > time || world.Clock.Now - lastBeat >= world.Settings.Platform.LeaseTimeToLive;

    public async Task StartAsync()
    {
        world.Trace.Add("starts", Number);
        await registry.StartAsync();
        await keeper.LoadAsync(CancellationToken.None);
        Hand.Open();
        foreach (var work in (Task[])[Run(ledger, default), Run(sweeper, stopping.Token), Run(dispatcher, stopping.Token), Run(paces, stopping.Token), Run(keeper, stopping.Token), Run(accept, default), registry.RunAsync()])
        {
            _ = world.WatchAsync(work);
        }

        IsUp = true;
    }

    public Task<AcceptResult> AcceptAsync(SendRequest request, int account) => accept.AcceptAsync(account, request, null, CancellationToken.None);

    /// <summary>As a supervisor stops it: finishes or gives back what it has, signs off, and is gone.</summary>
    public async Task StopAsync()
    {
        world.Trace.Add("stops", Number);
        IsUp = false;
        stopping.Cancel();
        await dispatcher.StopAsync(CancellationToken.None);
        await registry.StopAsync();
        Kill();
    }

    /// <summary>As kill -9 does: nothing of it is heard of again.</summary>
    public void Kill()
    {
        world.Trace.Add("dies", Number);
        IsUp = false;
        Clock.Kill();
        dialer.Forsake();
    }

    private void Beaten()
    {
        if (world.Clock.Now - lastBeat >= world.Settings.Platform.LeaseTimeToLive)
        {
            lastSilence = world.Clock.Now;
        }

        lastBeat = world.Clock.Now;
    }

    // As the host does it, but on the world's thread. The host would start it on the thread pool.
    private static Task Run(BackgroundService service, CancellationToken stopping)
    {
        var execution = (Task)typeof(BackgroundService).GetMethod("ExecuteAsync", BindingFlags.Instance | BindingFlags.NonPublic)!.Invoke(service, [stopping])!;
        typeof(BackgroundService).GetField("_executeTask", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(service, service is AcceptWorker ? execution : null);
        return execution;
    }

    // Its key lies in a table that is not simulated.
    private static VerpKeys Verp()
    {
        var keys = new VerpKeys(null!);
        typeof(VerpKeys).GetField("address", BindingFlags.Instance | BindingFlags.NonPublic)!.SetValue(keys, new VerpAddress(new byte[32]));
        return keys;
    }

    private SimLog<T> Log<T>() => new(world.Trace, world.Truth, Number);

    private sealed class OneAccount : IAccountNames
    {
        public ValueTask<string?> FindAsync(int accountId, CancellationToken cancellation) => ValueTask.FromResult<string?>("shop");
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
        }
    }
}
