using Agora.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;

namespace Agora.Replication.Hosting;

/// <summary>What every replica answers, whichever database it is.</summary>
internal sealed class ReplicaService(
    IReplicator replicator,
    IStateSource source,
    ReplicatedStore store,
    ReplicaClock clock,
    StateHealth health,
    ReplicaFooting footing
) : Replica.ReplicaBase
{
    public override Task<StatusReply> GetStatus(StatusRequest request, ServerCallContext context)
    {
        var status = replicator.Status;
        StatusReply reply = new()
        {
            Engine = status.Engine,
            Role = status.Role,
            Applied = status.Applied,
            Known = status.Known,
            Ready = status.Ready && clock.Problem is null && health.Wrong is null,
            Durable = store.Durable,
            Details = Details(replicator.Details),
            Build = ProgramBuild.Current,
        };
        string?[] problems = [health.Wrong, clock.IsWrong ? clock.Problem : null, health.Note];
        reply.Details.Problems.AddRange(problems.OfType<string>());
        reply.Details.Ground = footing.Now();
        if (status.Leader is int leader)
        {
            reply.Leader = leader;
        }

        return Task.FromResult(reply);
    }

    private static ReplicaDetails Details(ReplicatorDetails details)
    {
        ReplicaDetails reply = new()
        {
            Committed = details.Committed,
            RepairsAsked = details.RepairsAsked,
            RepairsAnswered = details.RepairsAnswered,
            Resyncs = details.Resyncs,
        };
        if (details.Term is { } term)
        {
            reply.Term = term;
        }

        if (details.Joining is { } joining)
        {
            reply.Joining = new JoiningStatus { Reason = joining.Reason, Fetched = joining.Fetched };
            if (joining.Total is { } total)
            {
                reply.Joining.Total = total;
            }
        }

        reply.Problems.AddRange(details.Problems);
        reply.Peers.AddRange(details.Peers.Select(Peer));
        return reply;
    }

    private static PeerStatus Peer(ReplicatorPeer peer)
    {
        PeerStatus reply = new() { Replica = peer.Replica };
        if (peer.Reaches is { } reaches)
        {
            reply.Reaches = reaches;
        }

        if (peer.HeardAgo is { } heard)
        {
            reply.HeardMillisecondsAgo = (long)heard.TotalMilliseconds;
        }

        if (peer.RoundTrip is { } roundTrip)
        {
            reply.RoundTripMicroseconds = (long)roundTrip.TotalMicroseconds;
        }

        if (peer.Received is { } received)
        {
            reply.Received = received;
        }

        if (peer.Sent is { } sent)
        {
            reply.Sent = sent;
        }

        return reply;
    }

    public override async Task<DigestReply> GetDigest(DigestRequest request, ServerCallContext context)
    {
        // Reads every table: off the thread that serves calls.
        var digest = await Task.Run(store.Digest, context.CancellationToken);
        return new DigestReply
        {
            Position = digest.Position,
            Digest = digest.Sha256,
            Repeats = store.Repeats,
        };
    }

    public override async Task CopyState(
        CopyStateRequest request,
        IServerStreamWriter<StatePart> responseStream,
        ServerCallContext context
    )
    {
        try
        {
            // What any replica has acknowledged before now is in what is copied.
            await replicator.ReadBarrierAsync(context.CancellationToken);
            await using var snapshot = await source.SnapshotAsync(atLeast: -1, context.CancellationToken);
            health.ThrowIfWrong();
            await StateStream.SendAsync(snapshot, responseStream, context.CancellationToken);
        }
        catch (ReplicaUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }
}
