using System.Net;
using System.Net.Sockets;
using EmailService.Egress;

namespace EmailService.Report.Doctor;

/// <summary>Are the egress sources' addresses on this machine? Mail of one that is not waits until it is.</summary>
internal static class SourcesCheck
{
    private const string Name = "egress source";

    public static Task<IReadOnlyList<Finding>> RunAsync(EgressTable table) => Task.FromResult<IReadOnlyList<Finding>>(
    [
        .. from source in table.Sources
           from address in new[] { source.Address, source.Ipv6Address }.OfType<IPAddress>()
           select WhatIsWrong(address) is { } problem
               ? Finding.Fail(Name, $"{source.Name} cannot connect from {address}: {problem}",
                   $"Give the address to a network interface of this machine, or correct EmailService:Egress:Sources:{source.Name}. Behind address translation, "
                   + "name the local address there and the public one in PublicAddresses.")
               : Finding.Ok(Name, $"{source.Name} connects from {address} and greets as {source.HelloName}"),
    ]);

    private static string? WhatIsWrong(IPAddress address)
    {
        try
        {
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(address, 0));
            return null;
        }
        catch (SocketException e)
        {
            return e.Message;
        }
    }
}
