using Agora.Replication.Raft;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Replication.Hosting;

/// <summary>
/// The connections to the gRPC port on which replicas that run on Raft ask for each other's reports
/// (<see cref="ReportWire"/>).
/// </summary>
internal static class ReportConnections
{
    // For a caller that connects and then sends nothing.
    private static readonly TimeSpan s_prefaceTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Takes connections that begin with our preface; all others go on to HTTP/2. To be used behind TLS, which says who
    /// asks: only replicas of the same database may.
    /// </summary>
    public static ListenOptions UseReports(this ListenOptions listen)
    {
        listen.Use(next =>
            async connection =>
            {
                var input = connection.Transport.Input;
                using var timeout = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
                timeout.CancelAfter(s_prefaceTimeout);
                try
                {
                    var first = await input.ReadAsync(timeout.Token);
                    var isOurs = !first.Buffer.IsEmpty && first.Buffer.FirstSpan[0] == ReportWire.Preface[0];
                    input.AdvanceTo(first.Buffer.Start);
                    if (
                        isOurs
                        && !listen.ApplicationServices.GetRequiredService<Admission>().IsPeer(connection.Features)
                    )
                    {
                        return;
                    }

                    if (isOurs)
                    {
                        await ServeAsync(
                            connection,
                            listen.ApplicationServices.GetRequiredService<RaftReplicator>(),
                            timeout
                        );
                        return;
                    }
                }
                catch (Exception e) when (e is OperationCanceledException or IOException)
                {
                    return;
                }

                await next(connection);
            }
        );
        return listen;
    }

    private static async Task ServeAsync(
        ConnectionContext connection,
        RaftReplicator raft,
        CancellationTokenSource timeout
    )
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        var preface = await input.ReadAtLeastAsync(ReportWire.PrefaceSize, timeout.Token);
        if (ReportWire.IsPreface(preface.Buffer, raft.Preface))
        {
            input.AdvanceTo(preface.Buffer.GetPosition(ReportWire.PrefaceSize));
            await raft.AnswerReportsAsync(input, output, connection.ConnectionClosed);
        }
    }
}
