using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Agora.Servers.Tests;

internal sealed class WireInterceptor(Wire wire) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request,
        ServerCallContext context,
        UnaryServerMethod<TRequest, TResponse> continuation
    )
    {
        var step = request switch
        {
            CustomersRequest customers => customers.Command.KindCase.ToString(),
            ProductsRequest products => products.Command.KindCase.ToString(),
            _ => context.Method[(context.Method.LastIndexOf('/') + 1)..],
        };
        return step == "GetStatus"
            ? continuation(request, context)
            : wire.PassAsync(step, () => continuation(request, context), Lost);

        static RpcException Lost() => new(new Status(StatusCode.Unavailable, "lost by the test"));
    }
}
