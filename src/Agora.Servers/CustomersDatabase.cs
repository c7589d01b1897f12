using Agora.Cluster;
using Agora.Contracts.Customers;
using Google.Protobuf;

namespace Agora.Servers;

/// <summary>The customers database: accounts, sessions, carts, purchases, votes.</summary>
internal sealed class CustomersDatabase(DatabaseGroup group, int server, DatabaseClientSetup setup)
    : DatabaseClient<Customers.CustomersClient>(
        "customers",
        group,
        server,
        invoker => new Customers.CustomersClient(invoker),
        setup
    )
{
    public Task<CustomersReply> ExecuteAsync(
        ByteString requestId,
        CustomersCommand command,
        CancellationToken cancellationToken
    ) =>
        CallAsync(
            true,
            static (client, request, options) => client.ExecuteAsync(request, options),
            new CustomersRequest { RequestId = requestId, Command = command },
            cancellationToken
        );

    /// <summary>Executes a user's command, once for each Idempotency-Key.</summary>
    public async Task<CustomersReply> ExecuteAsync(
        Call call,
        ByteString requestId,
        CustomersCommand command,
        RequestFields? fields
    )
    {
        command.Fingerprint = call.Fingerprint(fields);
        var reply = await ExecuteAsync(requestId, command, call.Deadline);
        call.MarkReplayed(reply.Replayed);
        return reply;
    }

    public Task<CredentialsReply> GetCredentialsAsync(CredentialsQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetCredentialsAsync(request, options),
            query,
            cancellationToken
        );

    public Task<SessionReply> GetSessionAsync(Session session, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetSessionAsync(request, options),
            new SessionQuery { Session = session },
            cancellationToken
        );

    /// <summary>Whether the caller's session is alive. A visitor has none, which is no error.</summary>
    public async Task<CustomersError> CheckSessionAsync(Call call) =>
        call.HasSession ? (await GetSessionAsync(call.Session, call.Deadline)).Error : CustomersError.None;

    /// <summary>
    /// A refusal that was found before this database was asked. A caller whose session is dead gets 401 instead.
    /// </summary>
    public async Task<Refusal> UnlessNotLoggedInAsync(Call call, Refusal refusal) =>
        await CheckSessionAsync(call) is var error and not CustomersError.None ? Refusal.Of(error) : refusal;

    public Task<RatingReply> GetRatingAsync(RatingQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetRatingAsync(request, options),
            query,
            cancellationToken
        );

    public Task<CartReply> GetCartAsync(Session session, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetCartAsync(request, options),
            new CartQuery { Session = session },
            cancellationToken
        );

    public Task<PurchasesReply> GetPurchasesAsync(PurchasesQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetPurchasesAsync(request, options),
            query,
            cancellationToken
        );

    public Task<PurchaseReply> GetPurchaseAsync(PurchaseQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetPurchaseAsync(request, options),
            query,
            cancellationToken
        );

    public Task<SalesReply> GetSalesAsync(SalesQuery query, CancellationToken cancellationToken) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetSalesAsync(request, options),
            query,
            cancellationToken
        );

    public Task<CheckoutReply> GetCheckoutAsync(
        Session session,
        ByteString purchaseId,
        CancellationToken cancellationToken
    ) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetCheckoutAsync(request, options),
            new CheckoutQuery { Session = session, PurchaseId = purchaseId },
            cancellationToken
        );

    /// <returns>The decided purchase; null if it is not decided.</returns>
    public async Task<PurchaseRecord?> GetDecisionAsync(ByteString purchaseId, CancellationToken cancellationToken) =>
        (
            await CallAsync(
                false,
                static (client, request, options) => client.GetDecisionAsync(request, options),
                new DecisionQuery { PurchaseId = purchaseId },
                cancellationToken
            )
        ).Purchase;

    public Task<UnforwardedVotesReply> GetUnforwardedVotesAsync(
        UnforwardedVotesQuery query,
        CancellationToken cancellationToken
    ) =>
        CallAsync(
            false,
            static (client, request, options) => client.GetUnforwardedVotesAsync(request, options),
            query,
            cancellationToken
        );
}
