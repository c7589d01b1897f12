using Agora.Cluster;
using Microsoft.AspNetCore.Http;

namespace Agora.Payments;

/// <summary>
/// Only the merchant may undo charges and read the books. Over HTTPS the service knows it by a certificate, since the
/// handshake admits nobody else; over HTTP by its secret. The host of a caller proves nothing: others use it too, and
/// so may a proxy.
/// </summary>
internal sealed class Merchant(MerchantSecret? secret)
{
    public const string Challenge = "Basic realm=\"financial transactions\", charset=\"UTF-8\"";

    public const string HowToIdentify =
        $"This is for the merchant only: show its secret with HTTP Basic, user {MerchantSecret.User}, "
        + "or over HTTPS the certificate of a buyer server or the operator.";

    public bool IsCaller(HttpContext http) =>
        http.Request.IsHttps || secret?.IsIn(http.Request.Headers.Authorization) == true;
}
