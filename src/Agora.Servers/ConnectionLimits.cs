using System.Collections.Concurrent;
using System.Net;
using Agora.Contracts.Cluster;
using Agora.Contracts.Security;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Agora.Servers;

/// <summary>
/// How many connections one client may have, and how long one may stay that says nothing. How many there may be in all is Kestrel's to count. Clients on this
/// machine are not counted: they may stand for all there are, as a proxy does, or a load test.
/// </summary>
internal sealed class ConnectionLimits(LimitSettings limits, RefusalLog refusals)
{
    /// <summary>Until a connection's first byte.</summary>
    public static readonly TimeSpan FirstByte = TimeSpan.FromSeconds(10);

    /// <summary>Until the next request. Longer than clients keep a connection that they do not use, so that it is they who end it.</summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<IPAddress, int> _connections = [];

    /// <summary>Ends a connection at once whose client has too many. To be used before TLS, which costs more.</summary>
    public void UseCount(ListenOptions listen) => listen.Use(next => connection => CountAsync(next, connection));

    /// <summary>Ends a connection on which nothing is said. To be used behind TLS, whose own handshake is bounded too.</summary>
    public static void UseFirstByte(ListenOptions listen) => listen.Use(next => async connection =>
    {
        var input = connection.Transport.Input;
        using (var bound = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed))
        {
            bound.CancelAfter(FirstByte);
            try
            {
                var first = await input.ReadAsync(bound.Token);
                input.AdvanceTo(first.Buffer.Start);
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                return;
            }
        }
        await next(connection);
    });

    internal async Task CountAsync(ConnectionDelegate next, ConnectionContext connection)
    {
        var client = ClientAddress.Of((connection.RemoteEndPoint as IPEndPoint)?.Address);
        if (IPAddress.IsLoopback(client))
        {
            await next(connection);
            return;
        }
        var count = _connections.AddOrUpdate(client, 1, (_, others) => others + 1);
        try
        {
            if (count <= limits.ConnectionsPerClient)
            {
                await next(connection);
                return;
            }
            refusals.Count("more connections than one client may have", $"{client}");
            connection.Abort(new ConnectionAbortedException("Its client has too many connections."));
        }
        finally
        {
            if (_connections.AddOrUpdate(client, 0, (_, others) => others - 1) == 0)
            {
                _connections.TryRemove(new(client, 0));
            }
        }
    }
}
