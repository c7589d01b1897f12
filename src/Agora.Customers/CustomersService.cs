using System.Runtime.CompilerServices;
using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Command = Agora.Replication.Command;
using CustomersBase = Agora.Contracts.Customers.Customers.CustomersBase;
using Intent = Agora.Contracts.Customers.Command;

namespace Agora.Customers;

/// <summary>The gRPC face of one replica: stamps and orders commands, answers queries from the local store behind a read barrier.</summary>
internal sealed class CustomersService(
    IReplicator replicator, ReplicatedStore store, LimitSettings limits, TimeProvider time) : CustomersBase
{
    // Each reading connection's own statements; they go with it.
    private static readonly ConditionalWeakTable<SqliteConnection, CustomersTables> Tables = [];

    public override Task<Reply> Execute(ExecuteRequest request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return SubmitAsync(new Guid(request.RequestId.Span, bigEndian: true), request.Command, context.CancellationToken);
    }

    public override Task<CredentialsReply> GetCredentials(CredentialsQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadAsync(tables => tables.Accounts.Credentials(request), context.CancellationToken);
    }

    public override Task<SessionReply> GetSession(SessionQuery request, ServerCallContext context) => ReadOnSessionAsync(
        request.Session, (_, session) => new SessionReply { AccountId = session.Account }, error => new SessionReply { Error = error }, context);

    // Anybody may look at a seller; a caller who names a session must hold it.
    public override Task<RatingReply> GetRating(RatingQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return request.Session is null
            ? ReadAsync(tables => tables.Accounts.Rating(session: null, request), context.CancellationToken)
            : ReadOnSessionAsync(
                request.Session, (tables, session) => tables.Accounts.Rating(session, request),
                error => new RatingReply { Error = error }, context);
    }

    public override Task<PurchaseReply> GetPurchase(PurchaseQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadOnSessionAsync(
            request.Session, (tables, session) => tables.Purchases.Completed(session, request.PurchaseId),
            error => new PurchaseReply { Error = error }, context);
    }

    public override Task<SalesReply> GetSales(SalesQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        var limit = CustomersRequests.Limit(request.Limit);
        return ReadOnSessionAsync(
            request.Session, (tables, session) => tables.Purchases.Sales(session, request.Cursor, limit),
            error => new SalesReply { Error = error }, context);
    }

    public override Task<CartReply> GetCart(CartQuery request, ServerCallContext context) => ReadOnSessionAsync(
        request.Session, (tables, session) => tables.Carts.Read(session.Id), error => new CartReply { Error = error }, context);

    public override Task<PurchasesReply> GetPurchases(PurchasesQuery request, ServerCallContext context)
    {
        var limit = CustomersRequests.Limit(request.Limit);
        return ReadOnSessionAsync(
            request.Session, (tables, session) => tables.Purchases.History(session, request.Cursor, limit), error => new PurchasesReply { Error = error }, context);
    }

    public override Task<CheckoutReply> GetCheckout(CheckoutQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadOnSessionAsync(
            request.Session, (tables, session) => tables.Purchases.Checkout(session, request.PurchaseId), error => new CheckoutReply { Error = error }, context);
    }

    public override Task<DecisionReply> GetDecision(DecisionQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadAsync(tables => new DecisionReply { Purchase = tables.Purchases.Find(request.PurchaseId) }, context.CancellationToken);
    }

    public override Task<UnforwardedVotesReply> GetUnforwardedVotes(UnforwardedVotesQuery request, ServerCallContext context)
    {
        var limit = CustomersRequests.Limit(request.Limit);
        return ReadAsync(tables => new UnforwardedVotesReply { Votes = { tables.Feedback.Unforwarded(request.Before, limit) } }, context.CancellationToken);
    }

    private async Task<Reply> SubmitAsync(Guid requestId, Intent intent, CancellationToken cancellationToken)
    {
        var keptFor = limits.IdempotencyKeyMinutes * 60;
        var command = new Command(requestId, time.GetUtcNow().ToUnixTimeMilliseconds(), intent.ToByteArray(), keptFor);
        var reply = Reply.Parser.ParseFrom((await replicator.SubmitAsync(command, cancellationToken)).Span);

        // The user's request is not late: this replica's clock is.
        return reply.Error == Error.KeyExpired && store.IsTooOld(command)
            ? throw new ReplicaUnavailableException(
                $"The clock of this replica is more than {limits.IdempotencyKeyMinutes} minutes behind its group's.")
            : reply;
    }

    private async Task<T> ReadAsync<T>(Func<CustomersTables, T> query, CancellationToken cancellationToken)
    {
        await replicator.ReadBarrierAsync(cancellationToken);
        return Read(query);
    }

    private async Task<T> ReadOnSessionAsync<T>(
        Session named, Func<CustomersTables, SessionRow, T> query, Func<Error, T> refuse, ServerCallContext context)
        where T : class
    {
        CustomersRequests.Check(named);
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var answer = await ReadAsync(tables => tables.Sessions.Find(named) switch
        {
            null => refuse(Error.NotLoggedIn),
            { } session when Sessions.IsFresh(session, now) => query(tables, session),
            _ => null,
        }, context.CancellationToken);
        if (answer is not null)
        {
            return answer;
        }

        // The record is old enough to be renewed, or the session to have ended. Once the touch is applied here, so is everything
        // that was acknowledged before this call: it is the second read's barrier too. The id need not outlive the call.
        var touched = await SubmitAsync(Guid.NewGuid(), new Intent { TouchSession = new TouchSession { Session = named } }, context.CancellationToken);
        return touched.Error != Error.None
            ? refuse(touched.Error)
            : Read(tables => tables.Sessions.Find(named) is { } session ? query(tables, session) : refuse(Error.NotLoggedIn));
    }

    private T Read<T>(Func<CustomersTables, T> query) =>
        store.Read(connection => query(Tables.GetValue(connection, reader => new CustomersTables(reader))));
}
