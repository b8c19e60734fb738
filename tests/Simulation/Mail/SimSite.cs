using System.Net;

namespace EmailService.Simulation;

/// <summary>A provider's mail hosts, and how they behave.</summary>
/// <param name="name">What it is called, and the end of its domains.</param>
/// <param name="number">1 to 65535: its hosts are the first of a network /24 of its own.</param>
internal sealed class SimSite(string name, int number, int hosts, Random random)
{
    private double tokens;
    private TimeSpan tokensAt;

    public string Name => name;

    /// <summary>Its own, so that what happens at one site does not change the dice of another.</summary>
    public Random Random => random;

    public IReadOnlyList<(string Name, IPAddress Address)> Hosts { get; } =
        [.. Enumerable.Range(1, hosts).Select(h => ($"mx{h}.{name}", new IPAddress(new byte[] { 10, (byte)(number >> 8), (byte)number, (byte)h })))];

    /// <summary>Other names that lead to its first host, each with a mail host of that name: to a sender they are sites of their own.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    public TimeSpan RoundTrip { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Sessions that it takes at once; the next is greeted with 421.</summary>
    public int MostSessions { get; init; } = int.MaxValue;

    /// <summary>Messages that it takes in a second; the next is told 451. 0 is any number.</summary>
    public double MostPerSecond { get; init; }

    /// <summary>Messages that it takes on a session; the next is told 421.</summary>
    public int MostPerSession { get; init; } = int.MaxValue;

    /// <summary>How long a recipient must wait after the first try; zero for none.</summary>
    public TimeSpan Greylists { get; init; }

    /// <summary>How much longer each reply takes.</summary>
    public TimeSpan Tarpit { get; set; }

    /// <summary>The chance that the connection breaks, at each step.</summary>
    public double Breaks { get; init; }

    /// <summary>The chance that the connection breaks after the end of the data, with the message taken or not.</summary>
    public double BreaksAtTheEnd { get; init; }

    /// <summary>The chance that the final reply takes minutes.</summary>
    public double IsSlowAtTheEnd { get; init; }

    /// <summary>How long it keeps a session that is idle.</summary>
    public TimeSpan KeepsIdle { get; init; } = TimeSpan.FromMinutes(5);

    public SimOutage? Outage { get; set; }

    /// <summary>When each recipient was first seen.</summary>
    public Dictionary<string, TimeSpan> Seen { get; } = [];

    public int Open { get; set; }

    public int MostOpen { get; set; }

    /// <summary>When connections were asked for, and when transactions began.</summary>
    public List<TimeSpan> Dialled { get; } = [];

    public List<TimeSpan> Begun { get; } = [];

    public bool HasToken(TimeSpan now)
    {
        if (MostPerSecond == 0)
        {
            return true;
        }

        tokens = Math.Min(MostPerSecond * 10, tokens + ((now - tokensAt).TotalSeconds * MostPerSecond));
        tokensAt = now;
        if (tokens < 1)
        {
            return false;
        }

        tokens--;
        return true;
    }
}
