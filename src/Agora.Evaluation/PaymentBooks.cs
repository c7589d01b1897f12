using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Serialization;
using Agora.Cluster;

namespace Agora.Evaluation;

/// <summary>Reads the books of the payment service.</summary>
internal sealed class PaymentBooks(IMarketplace marketplace, TimeProvider time) : IDisposable
{
    private readonly HttpClient _http = new(
        new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = marketplace.Identity.ClientOptions(Components.Payments, 0),
        }
    )
    {
        Timeout = TimeSpan.FromSeconds(30),
        DefaultRequestHeaders = { Authorization = marketplace.Merchant?.Header },
    };
    private HashSet<string> _known = [];
    private DateTimeOffset _since = time.GetUtcNow();

    /// <summary>
    /// The charges approved since the last call, in cents by transaction. Clocks may be set back, so this reads those
    /// of the last minute again, and skips the ids that it knows.
    /// </summary>
    public async Task<IReadOnlyDictionary<string, long>> ReadNewAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var group = marketplace.File.Payments;
        var payments = group.Replicas[0];
        var scheme = group.UsesHttps ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        UriBuilder address = new(scheme, payments.Host, payments.Port, "/audit/approved")
        {
            Query = string.Create(
                CultureInfo.InvariantCulture,
                $"since={_since.AddMinutes(-1).ToUnixTimeMilliseconds()}"
            ),
        };
        List<ApprovedCharge>? approved;
        try
        {
            approved = await _http.GetFromJsonAsync(
                address.Uri,
                AuditJson.Default.ListApprovedCharge,
                cancellationToken
            );
        }
        catch (HttpRequestException e)
        {
            throw new EvaluationException(
                $"the payment service at {address.Host}:{address.Port} does not show its books: {e.Message}",
                e
            );
        }

        var known = _known;
        _known = [.. approved!.Select(charge => charge.Id)];
        _since = now;
        return approved!
            .Where(charge => !known.Contains(charge.Id))
            .ToDictionary(charge => charge.Id, charge => charge.AmountInCents);
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>One line of the payment service's own books.</summary>
internal sealed record ApprovedCharge(string Id, long AmountInCents);

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(List<ApprovedCharge>))]
internal sealed partial class AuditJson : JsonSerializerContext;
