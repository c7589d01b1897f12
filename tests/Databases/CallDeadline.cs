using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Agora.Testing;

/// <summary>A call that is never answered fails its test instead of holding it up.</summary>
internal sealed class CallDeadline : Interceptor
{
    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
        TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context,
        AsyncUnaryCallContinuation<TRequest, TResponse> continuation
    ) =>
        continuation(
            request,
            new ClientInterceptorContext<TRequest, TResponse>(
                context.Method,
                context.Host,
                context.Options.WithDeadline(DateTime.UtcNow.AddMinutes(1))
            )
        );
}
