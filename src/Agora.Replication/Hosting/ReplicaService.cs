using Agora.Contracts.Replication;
using Grpc.Core;

namespace Agora.Replication.Hosting;

/// <summary>What every replica answers, whichever database it is.</summary>
internal sealed class ReplicaService(IReplicator replicator, ReplicatedStore store) : Replica.ReplicaBase
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
            Ready = status.Ready,
            Durable = store.Durable,
        };
        if (status.Leader is int leader)
        {
            reply.Leader = leader;
        }

        return Task.FromResult(reply);
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
}
