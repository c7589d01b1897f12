using System.Globalization;
using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Grpc.Core;

namespace Agora.Replication.Hosting;

/// <summary>What a replica that runs on Raft answers to one that joins.</summary>
internal sealed class RaftPeerService(RaftReplicator raft) : RaftPeer.RaftPeerBase
{
    public override Task<StandingReply> GetStanding(StandingRequest request, ServerCallContext context)
    {
        var isPeer = raft.Check.Compare(
            request.Place is { } place
                ? string.Create(CultureInfo.InvariantCulture, $"{raft.Check.Place.Database}/{place.Replica}")
                : context.Peer,
            request.Place
        );
        StandingReply reply = new()
        {
            Empty = raft.IsEmpty,
            Place = raft.Check.Place,
            TakesPart = raft.TakesPart,
        };
        if (raft.Status.Leader is int leader)
        {
            reply.Leader = leader;
        }

        if (isPeer && raft.AcknowledgedBy(request.Place.Replica) is { } known)
        {
            reply.Acknowledged = new Acknowledged
            {
                Term = known.Term,
                Index = known.Index,
                Committed = known.Committed,
            };
        }

        return Task.FromResult(reply);
    }

    public override async Task<RestorePointReply> GetRestorePoint(
        RestorePointRequest request,
        ServerCallContext context
    )
    {
        GroupCheck.RefuseOtherGroups(context, raft.Check.Mark);
        var (position, term) = await raft.MakeRestorePointAsync(context.CancellationToken);
        return new RestorePointReply { Position = position, Term = term };
    }

    public override async Task FetchState(
        FetchStateRequest request,
        IServerStreamWriter<StatePart> responseStream,
        ServerCallContext context
    )
    {
        GroupCheck.RefuseOtherGroups(context, raft.Check.Mark);
        try
        {
            await using var snapshot = await raft.SnapshotAsync(request.AtLeast, context.CancellationToken);
            await StateStream.SendAsync(snapshot, responseStream, context.CancellationToken);
        }
        catch (ReplicaUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }
}
