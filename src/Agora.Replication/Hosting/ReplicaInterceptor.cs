using System.Globalization;
using Agora.Contracts;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Agora.Replication.Hosting;

/// <summary>
/// Tells gRPC clients what a replica knows. Every answer carries the leader's replica number in the trailer
/// <c>agora-leader</c> where there is a leader and it is known. What cannot be served here now is UNAVAILABLE.
/// </summary>
/// <param name="replicator">Knows the leader.</param>
/// <param name="admission">Knows who may call what.</param>
/// <param name="health">Knows whether the state may be served.</param>
internal sealed class ReplicaInterceptor(IReplicator replicator, Admission admission, StateHealth health) : Interceptor
{
    // They say how the replica is, and show nothing of its state.
    private static readonly string[] s_always =
    [
        $"/{Replica.Descriptor.FullName}/",
        $"/{ReplicaPeer.Descriptor.FullName}/",
    ];

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation
    )
    {
        admission.Check(context, request);
        try
        {
            ThrowIfWrong(context);
        }
        catch (ReplicaUnavailableException e)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e));
        }

        return continuation(request, responseStream, context);
    }

    public override Task<TResponse> ClientStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        ServerCallContext context,
        ClientStreamingServerMethod<TRequest, TResponse> continuation
    )
    {
        admission.Check(context, request: null);
        return continuation(requestStream, context);
    }

    public override Task DuplexStreamingServerHandler<TRequest, TResponse>(
        IAsyncStreamReader<TRequest> requestStream,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        DuplexStreamingServerMethod<TRequest, TResponse> continuation
    )
    {
        admission.Check(context, request: null);
        return continuation(requestStream, responseStream, context);
    }

    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request,
        ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation
    )
    {
        admission.Check(context, request);
        try
        {
            ThrowIfWrong(context);
            var response = await continuation(request, context);

            // It may have been found wrong meanwhile.
            ThrowIfWrong(context);
            if (replicator.Status.Leader is int leader)
            {
                context.ResponseTrailers.Add(ReplicaTrailers.Leader, leader.ToString(CultureInfo.InvariantCulture));
            }

            return response;
        }
        catch (ReplicaUnavailableException e)
        {
            Metadata trailers = [];
            if ((e.Leader ?? replicator.Status.Leader) is int leader)
            {
                trailers.Add(ReplicaTrailers.Leader, leader.ToString(CultureInfo.InvariantCulture));
            }

            throw new RpcException(new Status(StatusCode.Unavailable, e.Message, e), trailers);
        }
        catch (OperationCanceledException e) when (context.CancellationToken.IsCancellationRequested)
        {
            throw new RpcException(
                context.Deadline <= TimeProvider.System.GetUtcNow().UtcDateTime
                    ? new Status(StatusCode.DeadlineExceeded, "The call's deadline passed; its outcome is unknown.", e)
                    : new Status(StatusCode.Cancelled, "The caller gave up; the outcome is unknown.", e)
            );
        }
    }

    private void ThrowIfWrong(ServerCallContext context)
    {
        if (!Array.Exists(s_always, service => context.Method.StartsWith(service, StringComparison.Ordinal)))
        {
            health.ThrowIfWrong();
        }
    }
}
