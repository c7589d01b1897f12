using System.Collections.Concurrent;
using System.Net;
using Agora.Cluster;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Agora.Servers;

/// <summary>
/// Limits how many connections one client may have, and how long a connection may stay silent. Kestrel limits the
/// total. Clients on this machine are not counted: such a client may be a proxy or a load test that acts for many
/// users.
/// </summary>
internal sealed class ConnectionLimits(LimitSettings limits, RefusalLog refusals)
{
    /// <summary>The time until a connection's first byte.</summary>
    public static readonly TimeSpan FirstByteTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The time until the next request. Longer than clients keep an idle connection, so that the client ends it.
    /// </summary>
    public static readonly TimeSpan KeepAliveTimeout = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<IPAddress, int> _connections = [];

    /// <summary>Ends a connection at once if its client has too many. Use it before TLS, which costs more.</summary>
    public void UseConnectionCount(ListenOptions listen) =>
        listen.Use(next => connection => CountAsync(next, connection));

    /// <summary>
    /// Ends a connection that stays silent. Use it after TLS, whose handshake has a timeout of its own.
    /// </summary>
    public static void UseFirstByteTimeout(ListenOptions listen) =>
        listen.Use(next =>
            async connection =>
            {
                var input = connection.Transport.Input;
                using (var bound = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed))
                {
                    bound.CancelAfter(FirstByteTimeout);
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
            }
        );

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
