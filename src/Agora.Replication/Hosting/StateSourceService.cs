using Agora.Contracts.Replication;
using Agora.Replication.Broadcast;
using Grpc.Core;

namespace Agora.Replication.Hosting;

/// <summary>Gives this replica's state to another one of its group that joins.</summary>
internal sealed class StateSourceService(BroadcastReplicator source) : StateSource.StateSourceBase
{
    public override async Task FetchState(
        FetchStateRequest request,
        IServerStreamWriter<StatePart> responseStream,
        ServerCallContext context
    )
    {
        try
        {
            await using var snapshot = await source.SnapshotAsync(request.AtLeast, context.CancellationToken);
            await StateStream.SendAsync(snapshot, responseStream, context.CancellationToken);
        }
        catch (ReplicaUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }
    }
}
