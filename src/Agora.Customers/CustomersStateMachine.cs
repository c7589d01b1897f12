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
    public byte[] Apply(in Command command)
    {
        var tables = _tables ?? throw new InvalidOperationException("The state machine is not open.");
        return Apply(tables, Intent.Parser.ParseFrom(command.Payload.Span), command.Time).ToByteArray();
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
