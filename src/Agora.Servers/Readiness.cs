using System.Security.Cryptography;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Security;
using Google.Protobuf;
using CustomersCommand = Agora.Contracts.Customers.Command;
using ProductsCommand = Agora.Contracts.Products.Command;

namespace Agora.Servers;

/// <summary>
/// Whether this server would serve all of its functions: a write and a read have gone through each database a moment ago, and the payment service answers.
/// </summary>
/// <remarks>
/// Anybody may ask. Those who ask at the same time share a round, and a round's outcome stands for a second: so the databases get at most one write a second
/// from each server for it, and none while nobody asks. What is answered has been true since less than <see cref="ServerSettings.ReadyDeadline"/> ago.
/// </remarks>
internal sealed class Readiness(IEnumerable<ReadinessPart> parts, ServerSettings settings, TimeProvider time)
{
    private static readonly TimeSpan s_validity = TimeSpan.FromSeconds(1);

    private readonly ReadinessPart[] _parts = [.. parts];
    private readonly Lock _lock = new();
    private Task<string[]>? _round;
    private long _begun;

    /// <summary>The names of the parts that do not serve; none when ready.</summary>
    public Task<string[]> MissingAsync()
    {
        lock (_lock)
        {
            if (_round is null || (_round.IsCompleted && time.GetElapsedTime(_begun) >= s_validity))
            {
                _begun = time.GetTimestamp();
                _round = AskAsync();
            }
            return _round;
        }
    }

    private async Task<string[]> AskAsync() =>
        [.. (await Task.WhenAll(_parts.Select(part => part.MissingAsync(settings.ReadyDeadline)))).OfType<string>()];
}

/// <summary>One thing without which this server could not serve all of its functions.</summary>
/// <param name="Name">In words for a user.</param>
/// <param name="CheckAsync">Returns if it would serve; throws if not.</param>
internal sealed record ReadinessPart(string Name, Func<CancellationToken, Task> CheckAsync)
{
    /// <summary>A linearizable read: nobody's session.</summary>
    public static ReadinessPart ReadOf(CustomersDatabase customers)
    {
        var nobody = new Session { TokenHash = ByteString.CopyFrom(new byte[SHA256.HashSizeInBytes]), Role = Role.Buyer };
        return new("The customers database, for reads,", deadline => customers.GetSessionAsync(nobody, deadline));
    }

    /// <summary>An ordered command that changes nothing: no votes are marked.</summary>
    public static ReadinessPart WriteOf(CustomersDatabase customers)
    {
        var nothing = new CustomersCommand { MarkForwarded = new() };
        return new("The customers database, for writes,", deadline => customers.ExecuteAsync(RequestId.Random(), nothing, deadline));
    }

    /// <summary>A linearizable read: an item that does not exist.</summary>
    public static ReadinessPart ReadOf(ProductsDatabase products) =>
        new("The products database, for reads,", deadline => products.GetItemAsync("0-0", deadline));

    /// <summary>An ordered command that changes nothing: no reservations are confirmed.</summary>
    public static ReadinessPart WriteOf(ProductsDatabase products)
    {
        var nothing = new ProductsCommand { Confirm = new() };
        return new("The products database, for writes,", deadline => products.ExecuteAsync(RequestId.Random(), nothing, deadline));
    }

    /// <summary>The payment service's own description of itself.</summary>
    public static ReadinessPart OfPayments(PaymentsGroup payments, ComponentIdentity? identity)
    {
        var http = new HttpClient(Payments.Handler(payments, identity));
        var wsdl = new Uri(Payments.Endpoint(payments), "?wsdl");
        return new("The payment service", async deadline =>
        {
            using var response = await http.GetAsync(wsdl, deadline);
            response.EnsureSuccessStatusCode();
        });
    }

    /// <summary>The part's name if it is missing.</summary>
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
