using System.Net;

namespace EmailService.Platform;

/// <summary>Where the built-in catch-all mail host listens while live delivery is off. Written by it once it does,
/// read by whoever plans a delivery: neither names the other.</summary>
public sealed class CatchAllEndPoint
{
    private volatile IPEndPoint? endPoint;

    /// <summary>Null while it does not listen: mail then waits.</summary>
    public IPEndPoint? EndPoint
    {
        get => endPoint;
        set => endPoint = value;
    }
}
