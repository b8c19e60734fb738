using System.Net;

namespace EmailService.Dns;

/// <summary>Why something that arrived was not taken as the answer to our question.</summary>
public enum DnsMismatch
{
    /// <summary>Not a response, or its id is not ours: late, or forged.</summary>
    Id,

    /// <summary>Another question than ours is repeated in it.</summary>
    Question,

    /// <summary>Our question, but without the capitals we chose: forged, or a server that does not keep case.</summary>
    Case,

    /// <summary>Ours, and it can't be read to its end.</summary>
    Malformed,
}

/// <summary>
/// Told what the resolver does, for counters and logs. Called on the path of a query, by many threads at once:
/// implementations return at once and do not throw.
/// </summary>
public interface IDnsObserver
{
    /// <summary>A query is sent.</summary>
    /// <param name="server">To whom.</param>
    /// <param name="overTcp">TCP rather than UDP.</param>
    /// <param name="name">The name asked for.</param>
    /// <param name="type">The type asked for.</param>
    void Asked(IPEndPoint server, bool overTcp, string name, DnsType type);

    /// <summary>Something arrived that is not the answer.</summary>
    /// <param name="server">The server asked.</param>
    /// <param name="mismatch">What was wrong with it.</param>
    void Mismatched(IPEndPoint server, DnsMismatch mismatch);

    /// <summary>A server was asked in vain; another is tried, or the same again.</summary>
    /// <param name="server">The server asked.</param>
    /// <param name="reason">What happened, in a few words.</param>
    void AttemptFailed(IPEndPoint server, string reason);

    /// <summary>A query came to an end, by asking servers.</summary>
    /// <param name="answer">Its answer.</param>
    /// <param name="elapsed">How long it took.</param>
    void Answered(DnsAnswer answer, TimeSpan elapsed);

    /// <summary>A query was answered from the cache.</summary>
    /// <param name="answer">The answer.</param>
    void CacheHit(DnsAnswer answer);

    /// <summary>A caller joined a query that was already under way.</summary>
    /// <param name="name">The name asked for.</param>
    /// <param name="type">The type asked for.</param>
    void Joined(string name, DnsType type);
}

internal sealed class NullDnsObserver : IDnsObserver
{
    public static readonly NullDnsObserver Instance = new();

    public void Asked(IPEndPoint server, bool overTcp, string name, DnsType type) { }

    public void Mismatched(IPEndPoint server, DnsMismatch mismatch) { }

    public void AttemptFailed(IPEndPoint server, string reason) { }

    public void Answered(DnsAnswer answer, TimeSpan elapsed) { }

    public void CacheHit(DnsAnswer answer) { }

    public void Joined(string name, DnsType type) { }
}
