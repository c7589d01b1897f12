using Agora.Cluster;

namespace Agora.Servers;

/// <summary>
/// Adds the merchant's secret to each request: over HTTP the connection does not identify the caller.
/// </summary>
internal sealed class MerchantSecretHandler(MerchantSecret? merchant, HttpMessageHandler next) : DelegatingHandler(next)
{
    protected override Task<HttpResponseMessage> SendAsync(
        HttpRequestMessage request,
        CancellationToken cancellationToken
    )
    {
        request.Headers.Authorization = merchant?.Header;
        return base.SendAsync(request, cancellationToken);
    }
}
