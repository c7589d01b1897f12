using Agora.Contracts.Payments;
using Microsoft.AspNetCore.Http;

namespace Agora.Payments;

/// <summary>
/// Who may undo charges and read the books: the merchant, whom the service knows by a certificate over HTTPS, where the
/// handshake admits nobody else, and by its secret over HTTP. On which host a caller is says nothing: others work there
/// too, and a proxy may.
/// </summary>
internal sealed class Merchant(MerchantSecret? secret)
{
    public const string Challenge = "Basic realm=\"financial transactions\", charset=\"UTF-8\"";

    public const string Missing =
        $"This is for the merchant only: show its secret with HTTP Basic, user {MerchantSecret.User}, "
        + "or over HTTPS the certificate of a buyer server or the operator.";

    public bool IsCaller(HttpContext http) =>
        http.Request.IsHttps || secret?.IsIn(http.Request.Headers.Authorization) == true;
}
