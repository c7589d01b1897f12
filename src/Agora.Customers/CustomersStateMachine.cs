using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Command = Agora.Replication.Command;
using Intent = Agora.Contracts.Customers.Command;

namespace Agora.Customers;

/// <summary>
/// The customers database as a function of its ordered commands: payload <see cref="Intent"/>, reply <see cref="Reply"/>.
/// Each command makes all its checks before its first write, so that a refusal leaves no trace, but for one: a call on a
/// session is a use of it (or finds it expired and ends it), whatever becomes of the call.
/// </summary>
public sealed class CustomersStateMachine : IStateMachine
{
    private CustomersTables? _tables;

    /// <inheritdoc/>
    public string Schema => CustomersSchema.Sql;

    /// <inheritdoc/>
    public void Open(SqliteConnection writer) => _tables = new CustomersTables(writer);

    /// <inheritdoc/>
    public byte[] Apply(in Command command, out bool keep)
    {
        var intent = Intent.Parser.ParseFrom(command.Payload.Span);
        var reply = Apply(Tables, intent, command.Time);

        // A key belongs to an account. A caller who is not logged in must not use it up, and one who logs in again
        // repeats the call under it.
        keep = reply.Error is not (Error.NotLoggedIn or Error.KeyReused);
        return Encode(reply, intent);
    }

    /// <inheritdoc/>
    public byte[] Repeat(in Command command, byte[]? reply)
    {
        var intent = Intent.Parser.ParseFrom(command.Payload.Span);
        return Encode(
            Repeat(Tables, intent, command.Time, reply is null ? null : Reply.Parser.ParseFrom(reply)), intent);
    }

    private CustomersTables Tables => _tables ?? throw new InvalidOperationException("The state machine is not open.");

    private static byte[] Encode(Reply reply, Intent intent)
    {
        reply.Fingerprint = intent.Fingerprint;
        return reply.ToByteArray();
    }

    // Purchases and votes are known for ever, by ids of their own.
    private static Reply Repeat(CustomersTables tables, Intent intent, long time, Reply? kept) => intent.KindCase switch
    {
        Intent.KindOneofCase.CompletePurchase =>
            Repeat(tables, intent.CompletePurchase.PurchaseId) ?? Repeat(intent, kept),
        Intent.KindOneofCase.AbandonPurchase =>
            Repeat(tables, intent.AbandonPurchase.PurchaseId) ?? Repeat(intent, kept),
        Intent.KindOneofCase.CloseSession => RepeatClose(tables, intent, time, kept),
        _ when intent.Session is { } named => RepeatOnSession(tables, named, intent, time, kept),
        _ => Repeat(intent, kept),
    };

    private static Reply Repeat(Intent intent, Reply? kept)
    {
        if (kept is null)
        {
            return Refusal.Of(Error.KeyExpired);
        }

        if (kept.Fingerprint != intent.Fingerprint)
        {
            return Refusal.Of(Error.KeyReused);
        }

        kept.Replayed = true;
        return kept;
    }

    private static Reply? Repeat(CustomersTables tables, ByteString purchaseId) =>
        tables.Purchases.Find(purchaseId) is { } decided ? new Reply { Purchase = decided, Replayed = true } : null;

    // The session is over since the first time, so nobody needs to be logged in to be told so. One that is alive is
    // another, which that call has not ended.
    private static Reply RepeatClose(CustomersTables tables, Intent intent, long time, Reply? kept) =>
        kept is not null && tables.Sessions.Use(intent.CloseSession.Session, time) is not null
            ? Refusal.Of(Error.KeyReused)
            : Repeat(intent, kept);

    private static Reply RepeatOnSession(CustomersTables tables, Session named, Intent intent, long time, Reply? kept)
    {
        if (tables.Sessions.Use(named, time) is not { } session)
        {
            return Refusal.Of(Error.NotLoggedIn);
        }

        var vote = intent.KindCase == Intent.KindOneofCase.RecordVote
            ? tables.Feedback.Repeat(session, intent.RecordVote)
            : null;
        return vote ?? Repeat(intent, kept);
    }

    private static Reply Apply(CustomersTables tables, Intent intent, long time) => intent.KindCase switch
    {
        Intent.KindOneofCase.CreateAccount => tables.Accounts.Create(intent.CreateAccount),
        Intent.KindOneofCase.OpenSession => tables.Sessions.Open(intent.OpenSession, time),
        Intent.KindOneofCase.CompletePurchase => tables.Purchases.Complete(intent.CompletePurchase, time),
        Intent.KindOneofCase.AbandonPurchase => tables.Purchases.Abandon(intent.AbandonPurchase, time),
        Intent.KindOneofCase.MarkForwarded => MarkForwarded(tables, intent.MarkForwarded),
        _ => ApplyOnSession(tables, intent, time),
    };

    private static Reply MarkForwarded(CustomersTables tables, MarkForwarded command)
    {
        tables.Feedback.MarkForwarded(command.VoteIds);
        return new Reply();
    }

    private static Reply ApplyOnSession(CustomersTables tables, Intent intent, long time)
    {
        var named = intent.Session ?? throw new InvalidOperationException($"A command without session and of no known kind: {intent.KindCase}.");
        if (tables.Sessions.Use(named, time) is not { } session)
        {
            return Refusal.Of(Error.NotLoggedIn);
        }

        return intent.KindCase switch
        {
            Intent.KindOneofCase.CloseSession => tables.Sessions.Close(session),
            Intent.KindOneofCase.TouchSession => new Reply { Session = new SessionReply { AccountId = session.Account } },
            Intent.KindOneofCase.AddToCart => tables.Carts.Add(session, intent.AddToCart),
            Intent.KindOneofCase.RemoveFromCart => tables.Carts.Remove(session, intent.RemoveFromCart),
            Intent.KindOneofCase.SaveCart => tables.Carts.Save(session),
            Intent.KindOneofCase.ClearCart => tables.Carts.Clear(session),
            Intent.KindOneofCase.RecordVote => tables.Feedback.Record(session, intent.RecordVote, time),
            _ => throw new InvalidOperationException($"A command of a kind that this version does not know: {intent.KindCase}."),
        };
    }
}

/// <summary>
/// The tables as seen through one connection: the writer's for commands, a reader's for queries. Statements are prepared when
/// first used, so a reader holds none of the writer's.
/// </summary>
internal sealed class CustomersTables
{
    public CustomersTables(SqliteConnection connection)
    {
        Accounts = new Accounts(connection);
        Carts = new Carts(connection);
        Sessions = new Sessions(connection, Accounts, Carts);
        Purchases = new Purchases(connection, Accounts, Carts);
        Feedback = new Feedback(connection, Accounts);
    }

    public Accounts Accounts { get; }

    public Sessions Sessions { get; }

    public Carts Carts { get; }

    public Purchases Purchases { get; }

    public Feedback Feedback { get; }
}

internal static class Refusal
{
    public static Reply Of(Error error) => new() { Error = error };
}
