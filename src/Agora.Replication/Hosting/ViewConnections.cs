using Agora.Replication.Raft;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Replication.Hosting;

/// <summary>The connections to the gRPC port on which replicas ask for each other's views (<see cref="ViewWire"/>); only where the engine is Raft.</summary>
internal static class ViewConnections
{
    // Somebody who connects and then says nothing.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Takes what begins with our preface; all else goes on to HTTP/2. To be used behind TLS, which says who asks: only replicas of the same database may.</summary>
    public static ListenOptions UseViews(this ListenOptions listen)
    {
        listen.Use(next => async connection =>
        {
            var input = connection.Transport.Input;
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
            patience.CancelAfter(Patience);
            try
            {
                var first = await input.ReadAsync(patience.Token);
                var isOurs = !first.Buffer.IsEmpty && first.Buffer.FirstSpan[0] == ViewWire.Preface[0];
                input.AdvanceTo(first.Buffer.Start);
                if (isOurs && !listen.ApplicationServices.GetRequiredService<Admission>().IsPeer(connection.Features))
                {
                    return;
                }

                if (isOurs)
                {
                    await ServeAsync(connection, listen.ApplicationServices.GetRequiredService<IReplicator>() as RaftReplicator, patience);
                    return;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or IOException)
            {
                return;
            }

            await next(connection);
        });
        return listen;
    }

    private static async Task ServeAsync(ConnectionContext connection, RaftReplicator? raft, CancellationTokenSource patience)
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        var preface = await input.ReadAtLeastAsync(ViewWire.Preface.Length, patience.Token);
        var isKnown = ViewWire.IsPreface(preface.Buffer);
        if (raft is not null && isKnown)
        {
            input.AdvanceTo(preface.Buffer.GetPosition(ViewWire.Preface.Length));
            await raft.AnswerViewsAsync(input, output, connection.ConnectionClosed);
        }
    }
}
