using System.Runtime.CompilerServices;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using CustomersBase = Agora.Contracts.Customers.Customers.CustomersBase;

namespace Agora.Customers;

/// <summary>
/// The gRPC service of one replica. It stamps and orders commands; it answers queries from the local store after a read
/// barrier.
/// </summary>
internal sealed class CustomersService(
    IReplicator replicator,
    ReplicatedStore store,
    LimitSettings limits,
    ReplicaClock clock,
    TimeProvider time,
    ILogger<CustomersService> logger
) : CustomersBase
{
    // The statements of each reading connection; they are collected with it.
    private static readonly ConditionalWeakTable<SqliteConnection, CustomersTables> s_tables = [];

    private SessionUses? _uses;

    /// <summary>Uses of sessions that are not recorded yet.</summary>
    internal SessionUses Uses =>
        LazyInitializer.EnsureInitialized(
            ref _uses,
            () => new SessionUses(TouchAsync, () => replicator.Status.Ready, time, logger)
        );

    // A replica whose clock is behind would take sessions for alive that have ended: the commands' time is a bound.
    private long Now => Math.Max(time.GetUtcNow().ToUnixTimeMilliseconds(), store.Time);

    public override async Task<CustomersReply> Execute(CustomersRequest request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        if (request.Command.Session is { } named)
        {
            await RecordNotedUseAsync(named, context.CancellationToken);
        }

        return await SubmitAsync(
            new Guid(request.RequestId.Span, bigEndian: true),
            request.Command,
            context.CancellationToken
        );
    }

    public override Task<CredentialsReply> GetCredentials(CredentialsQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadAsync(tables => tables.Accounts.Credentials(request), context.CancellationToken);
    }

    public override Task<SessionReply> GetSession(SessionQuery request, ServerCallContext context) =>
        ReadOnSessionAsync(
            request.Session,
            (_, session) => new SessionReply { AccountId = session.Account },
            error => new SessionReply { Error = error },
            context
        );

    // Anybody may see a seller's rating; but where the caller names a session, it must be a live one.
    public override Task<RatingReply> GetRating(RatingQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return request.Session is null
            ? ReadAsync(tables => tables.Accounts.Rating(session: null, request), context.CancellationToken)
            : ReadOnSessionAsync(
                request.Session,
                (tables, session) => tables.Accounts.Rating(session, request),
                error => new RatingReply { Error = error },
                context
            );
    }

    public override Task<PurchaseReply> GetPurchase(PurchaseQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadOnSessionAsync(
            request.Session,
            (tables, session) => tables.Purchases.Completed(session, request.PurchaseId),
            error => new PurchaseReply { Error = error },
            context
        );
    }

    public override Task<SalesReply> GetSales(SalesQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        var limit = CustomersRequests.Limit(request.Limit);
        return ReadOnSessionAsync(
            request.Session,
            (tables, session) => tables.Purchases.Sales(session, request.Cursor, limit),
            error => new SalesReply { Error = error },
            context
        );
    }

    public override Task<CartReply> GetCart(CartQuery request, ServerCallContext context) =>
        ReadOnSessionAsync(
            request.Session,
            (tables, session) => tables.Carts.Read(session.Id),
            error => new CartReply { Error = error },
            context
        );

    public override Task<PurchasesReply> GetPurchases(PurchasesQuery request, ServerCallContext context)
    {
        var limit = CustomersRequests.Limit(request.Limit);
        return ReadOnSessionAsync(
            request.Session,
            (tables, session) => tables.Purchases.History(session, request.Cursor, limit),
            error => new PurchasesReply { Error = error },
            context
        );
    }

    public override Task<CheckoutReply> GetCheckout(CheckoutQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadOnSessionAsync(
            request.Session,
            (tables, session) => tables.Purchases.Checkout(session, request.PurchaseId),
            error => new CheckoutReply { Error = error },
            context
        );
    }

    public override Task<DecisionReply> GetDecision(DecisionQuery request, ServerCallContext context)
    {
        CustomersRequests.Check(request);
        return ReadAsync(
            tables => new DecisionReply { Purchase = tables.Purchases.Find(request.PurchaseId) },
            context.CancellationToken
        );
    }

    public override Task<UnforwardedVotesReply> GetUnforwardedVotes(
        UnforwardedVotesQuery request,
        ServerCallContext context
    )
    {
        var limit = CustomersRequests.Limit(request.Limit);
        return ReadAsync(
            tables => new UnforwardedVotesReply { Votes = { tables.Feedback.Unforwarded(request.Before, limit) } },
            context.CancellationToken
        );
    }

    private async Task<CustomersReply> SubmitAsync(
        Guid requestId,
        CustomersCommand intent,
        CancellationToken cancellationToken
    )
    {
        var keepSeconds = limits.IdempotencyKeyMinutes * 60;
        var command = new Command(requestId, clock.Stamp(), intent.ToByteArray(), keepSeconds);
        var reply = CustomersReply.Parser.ParseFrom((await replicator.SubmitAsync(command, cancellationToken)).Span);

        // The clock of this replica is late, not the user's request.
        return reply.Error == CustomersError.KeyExpired && store.IsTooOld(command)
            ? throw new ReplicaUnavailableException(
                $"The clock of this replica is more than {limits.IdempotencyKeyMinutes} minutes behind its group's."
            )
            : reply;
    }

    private async Task<T> ReadAsync<T>(Func<CustomersTables, T> query, CancellationToken cancellationToken)
    {
        await replicator.ReadBarrierAsync(cancellationToken);
        return Read(query);
    }

    private async Task<T> ReadOnSessionAsync<T>(
        Session named,
        Func<CustomersTables, SessionRow, T> query,
        Func<CustomersError, T> refuse,
        ServerCallContext context
    )
        where T : class
    {
        CustomersRequests.Check(named);
        var now = Now;
        var (answer, unrecorded) = await ReadAsync<(T? Answer, long? Unrecorded)>(
            tables =>
                tables.Sessions.Find(named) switch
                {
                    null => (refuse(CustomersError.NotLoggedIn), null),
                    { } session when Sessions.IsFresh(session, now) => (query(tables, session), null),
                    { } session when Uses.IsAlive(session, now) => (query(tables, session), session.Id),
                    _ => (null, null),
                },
            context.CancellationToken
        );
        if (unrecorded is { } used)
        {
            Uses.Note(named, used, now);
        }

        if (answer is not null)
        {
            return answer;
        }

        // The session may have ended: the commands' time decides. Once the touch is applied here, so is everything that
        // was acknowledged before this call: it is the second read's barrier too.
        var touched = await TouchAsync(named, usedAt: 0, context.CancellationToken);
        return touched.Error != CustomersError.None
            ? refuse(touched.Error)
            : Read(tables =>
                tables.Sessions.Find(named) is { } session ? query(tables, session) : refuse(CustomersError.NotLoggedIn)
            );
    }

    // After an outage the record of a session that was in use all the time may be so old that a command would find the
    // session expired. What is noted here is ordered first.
    private async Task RecordNotedUseAsync(Session named, CancellationToken cancellationToken)
    {
        if (Uses.IsEmpty)
        {
            return;
        }

        var now = Now;
        if (
            Read(tables => tables.Sessions.Find(named)) is { } session
            && !Sessions.IsFresh(session, now)
            && Uses.Noted(session.Id) is { } usedAt
            && Sessions.IsAlive(usedAt, now)
        )
        {
            await TouchAsync(named, usedAt, cancellationToken);
        }
    }

    // The id need not outlive the call.
    private Task<CustomersReply> TouchAsync(Session named, long usedAt, CancellationToken cancellationToken) =>
        SubmitAsync(
            Guid.NewGuid(),
            new CustomersCommand
            {
                TouchSession = new TouchSession { Session = named, UsedAt = usedAt },
            },
            cancellationToken
        );

    private T Read<T>(Func<CustomersTables, T> query) =>
        store.Read(connection => query(s_tables.GetValue(connection, reader => new CustomersTables(reader))));
}
