using System.Security.Cryptography;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Google.Protobuf;

namespace Agora.Servers;

/// <summary>One part that this server needs for all of its functions.</summary>
/// <param name="Name">Its name, in words for a user.</param>
/// <param name="CheckAsync">Returns if the part serves; throws if not.</param>
internal sealed record ReadinessPart(string Name, Func<CancellationToken, Task> CheckAsync)
{
    /// <summary>A linearizable read: a session that does not exist.</summary>
    public static ReadinessPart ReadOf(CustomersDatabase customers)
    {
        var nobody = new Session
        {
            TokenHash = ByteString.CopyFrom(new byte[SHA256.HashSizeInBytes]),
            Role = Role.Buyer,
        };
        return new(
            "The customers database, for reads,",
            cancellationToken => customers.GetSessionAsync(nobody, cancellationToken)
        );
    }

    /// <summary>An ordered command that changes nothing: no votes are marked.</summary>
    public static ReadinessPart WriteOf(CustomersDatabase customers)
    {
        var nothing = new CustomersCommand { MarkForwarded = new() };
        return new(
            "The customers database, for writes,",
            cancellationToken => customers.ExecuteAsync(RequestIds.Random(), nothing, cancellationToken)
        );
    }

    /// <summary>A linearizable read: an item that does not exist.</summary>
    public static ReadinessPart ReadOf(ProductsDatabase products) =>
        new("The products database, for reads,", cancellationToken => products.GetItemAsync("0-0", cancellationToken));

    /// <summary>An ordered command that changes nothing: no reservations are confirmed.</summary>
    public static ReadinessPart WriteOf(ProductsDatabase products)
    {
        var nothing = new ProductsCommand { Confirm = new() };
        return new(
            "The products database, for writes,",
            cancellationToken => products.ExecuteAsync(RequestIds.Random(), nothing, cancellationToken)
        );
    }

    /// <summary>The payment service's WSDL.</summary>
    public static ReadinessPart AnswerOf(PaymentsGroup payments, ComponentIdentity? identity)
    {
        var http = new HttpClient(PaymentsClient.Handler(payments, identity));
        var wsdl = new Uri(PaymentsClient.Endpoint(payments), "?wsdl");
        return new(
            "The payment service",
            async cancellationToken =>
            {
                using var response = await http.GetAsync(wsdl, cancellationToken);
                response.EnsureSuccessStatusCode();
            }
        );
    }

    /// <summary>The part's name if it does not serve; null if it does.</summary>
    public async Task<string?> MissingAsync(TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await CheckAsync(deadline.Token);
            return null;
        }
        catch (Exception e) when (e is UnavailableException or OperationCanceledException or HttpRequestException)
        {
            return Name;
        }
    }
}
