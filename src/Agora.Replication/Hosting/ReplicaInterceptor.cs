using System.Globalization;
using Agora.Contracts;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Agora.Replication.Hosting;

/// <summary>
/// Tells gRPC clients what a replica knows. Every answer carries the leader's replica number in the trailer
/// <c>agora-leader</c> where there is a leader and it is known. What cannot be served here now is UNAVAILABLE.
/// </summary>
/// <param name="replicator">Knows the leader.</param>
/// <param name="admission">Knows who may call what.</param>
internal sealed class ReplicaInterceptor(IReplicator replicator, Admission admission) : Interceptor
{
    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation
    )
    {
        admission.Check(context, request);
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
            var response = await continuation(request, context);
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
}
