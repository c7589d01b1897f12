using System.Globalization;
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
        raft.Check.Compare(
            request.Place is { } place
                ? string.Create(CultureInfo.InvariantCulture, $"{raft.Check.Place.Database}/{place.Replica}")
                : context.Peer,
            request.Place
        );
        StandingReply reply = new() { Empty = raft.IsEmpty, Place = raft.Check.Place };
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
        RefuseOtherGroups(context);
        var (position, term) = await raft.MakeRestorePointAsync(context.CancellationToken);
        return new RestorePointReply { Position = position, Term = term };
    }

    public override async Task FetchState(
        FetchStateRequest request,
        IServerStreamWriter<StatePart> responseStream,
        ServerCallContext context
    )
    {
        RefuseOtherGroups(context);
        try
        {
            await using var snapshot = await raft.SnapshotAsync(request.AtLeast, context.CancellationToken);

            // Over the file that is sent, beside the sending.
            var path = snapshot.File.Name;
            var digest = Task.Run(() => ReplicatedStore.DigestOf(path), context.CancellationToken);
            try
            {
                await SendAsync(snapshot, responseStream, context.CancellationToken);
            }
            finally
            {
                // The file is gone with the snapshot.
                await ((Task)digest).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await responseStream.WriteAsync(
                new StatePart { Digest = (await digest).Sha256 },
                context.CancellationToken
            );
        }
        catch (ReplicaUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }

    private static async Task SendAsync(
        StateSnapshot snapshot,
        IServerStreamWriter<StatePart> responseStream,
        CancellationToken cancellationToken
    )
    {
        StateHeader header = new() { Position = snapshot.Position, Length = snapshot.File.Length };
        header.Terms.AddRange(
            snapshot.Terms.Select(t => new Contracts.Replication.TermRun { First = t.First, Term = t.Term })
        );
        await responseStream.WriteAsync(new StatePart { Header = header }, cancellationToken);
        var buffer = new byte[PartSize];
        for (int read; (read = await snapshot.File.ReadAsync(buffer, cancellationToken)) > 0; )
        {
            await responseStream.WriteAsync(
                new StatePart { Content = ByteString.CopyFrom(buffer, 0, read) },
                cancellationToken
            );
        }
    }

    private void RefuseOtherGroups(ServerCallContext context)
    {
        if (context.RequestHeaders.GetValue(GroupCheck.Header) != raft.Check.Mark)
        {
            throw new RpcException(
                new Status(StatusCode.FailedPrecondition, "The caller belongs to another group, or to none.")
            );
        }
    }
}
