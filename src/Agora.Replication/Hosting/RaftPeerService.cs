using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Google.Protobuf;
using Grpc.Core;

namespace Agora.Replication.Hosting;

/// <summary>What a replica that runs on Raft answers to one that joins.</summary>
internal sealed class RaftPeerService(RaftReplicator raft) : RaftPeer.RaftPeerBase
{
    private const int PartSize = 256 << 10;

    public override Task<StandingReply> GetStanding(StandingRequest request, ServerCallContext context)
    {
        StandingReply reply = new() { Empty = raft.IsEmpty, Term = raft.Term };
        if (raft.Status.Leader is int leader)
        {
            reply.Leader = leader;
        }

        return Task.FromResult(reply);
    }

    public override async Task<RestorePointReply> GetRestorePoint(
        RestorePointRequest request,
        ServerCallContext context
    )
    {
        var (position, term) = await raft.ConfirmRestorePointAsync(context.CancellationToken);
        return new RestorePointReply { Position = position, Term = term };
    }

    public override async Task FetchState(
        FetchStateRequest request,
        IServerStreamWriter<StatePart> responseStream,
        ServerCallContext context
    )
    {
        try
        {
            await using var snapshot = await raft.SnapshotAsync(request.AtLeast, context.CancellationToken);
            StateHeader header = new() { Position = snapshot.Position, Length = snapshot.File.Length };
            header.Terms.AddRange(
                snapshot.Terms.Select(t => new Contracts.Replication.TermRun { First = t.First, Term = t.Term })
            );
            await responseStream.WriteAsync(new StatePart { Header = header }, context.CancellationToken);
            var buffer = new byte[PartSize];
            for (int read; (read = await snapshot.File.ReadAsync(buffer, context.CancellationToken)) > 0; )
            {
                await responseStream.WriteAsync(
                    new StatePart { Content = ByteString.CopyFrom(buffer, 0, read) },
                    context.CancellationToken
                );
            }
        }
        catch (ReplicaUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }
}
