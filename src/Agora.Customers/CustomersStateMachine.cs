using Agora.Contracts.Customers;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Customers;

/// <summary>
/// The customers database as a function of its ordered commands: payload <see cref="CustomersCommand"/>, reply
/// <see cref="CustomersReply"/>. Each command makes all its checks before its first write, so a refused command
/// changes nothing. There is one exception: every call on a session that is alive counts as a use of the session,
/// whether the call is refused or not.
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
        var intent = CustomersCommand.Parser.ParseFrom(command.Payload.Span);
        var reply = Apply(Tables, intent, command.Time);

        // An idempotency key belongs to an account. A caller who is not logged in must not use it up: once logged in
        // again, the same caller repeats the call under the same key.
        keep = reply.Error is not (CustomersError.NotLoggedIn or CustomersError.KeyReused);
        return Encode(reply, intent);
    }

    /// <inheritdoc/>
    public byte[] Repeat(in Command command, byte[]? reply)
    {
        var intent = CustomersCommand.Parser.ParseFrom(command.Payload.Span);
        return Encode(
            Repeat(Tables, intent, command.Time, reply is null ? null : CustomersReply.Parser.ParseFrom(reply)),
            intent
        );
    }

    private CustomersTables Tables => _tables ?? throw new InvalidOperationException("The state machine is not open.");

    private static byte[] Encode(CustomersReply reply, CustomersCommand intent)
    {
        reply.Fingerprint = intent.Fingerprint;
        return reply.ToByteArray();
    }

    // Purchases and votes have ids of their own, which are known for ever.
    private static CustomersReply Repeat(
        CustomersTables tables,
        CustomersCommand intent,
        long time,
        CustomersReply? kept
    ) =>
        intent.KindCase switch
        {
            CustomersCommand.KindOneofCase.CompletePurchase => Repeat(tables, intent.CompletePurchase.PurchaseId)
                ?? Repeat(intent, kept),
            CustomersCommand.KindOneofCase.AbandonPurchase => Repeat(tables, intent.AbandonPurchase.PurchaseId)
                ?? Repeat(intent, kept),
            CustomersCommand.KindOneofCase.CloseSession => RepeatClose(tables, intent, time, kept),
            _ when intent.Session is { } named => RepeatOnSession(tables, named, intent, time, kept),
            _ => Repeat(intent, kept),
        };

    private static CustomersReply Repeat(CustomersCommand intent, CustomersReply? kept)
    {
        if (kept is null)
        {
            return new CustomersReply { Error = CustomersError.KeyExpired };
        }

        if (kept.Fingerprint != intent.Fingerprint)
        {
            return new CustomersReply { Error = CustomersError.KeyReused };
        }

        kept.Replayed = true;
        return kept;
    }

    private static CustomersReply? Repeat(CustomersTables tables, ByteString purchaseId) =>
        tables.Purchases.Find(purchaseId) is { } decided
            ? new CustomersReply { Purchase = decided, Replayed = true }
            : null;

    // The first call ended the session, so its repeat needs no session. A session that is alive is another one, which
    // the first call did not end.
    private static CustomersReply RepeatClose(
        CustomersTables tables,
        CustomersCommand intent,
        long time,
        CustomersReply? kept
    ) =>
        kept is not null && tables.Sessions.Use(intent.CloseSession.Session, time) is not null
            ? new CustomersReply { Error = CustomersError.KeyReused }
            : Repeat(intent, kept);

    private static CustomersReply RepeatOnSession(
        CustomersTables tables,
        Session named,
        CustomersCommand intent,
        long time,
        CustomersReply? kept
    )
    {
        if (tables.Sessions.Use(named, time) is not { } session)
        {
            return new CustomersReply { Error = CustomersError.NotLoggedIn };
        }

        var vote =
            intent.KindCase == CustomersCommand.KindOneofCase.RecordVote
                ? tables.Feedback.Repeat(session, intent.RecordVote)
                : null;
        return vote ?? Repeat(intent, kept);
    }

    private static CustomersReply Apply(CustomersTables tables, CustomersCommand intent, long time) =>
        intent.KindCase switch
        {
            CustomersCommand.KindOneofCase.CreateAccount => tables.Accounts.Create(intent.CreateAccount),
            CustomersCommand.KindOneofCase.OpenSession => tables.Sessions.Open(intent.OpenSession, time),
            CustomersCommand.KindOneofCase.CompletePurchase => tables.Purchases.Complete(intent.CompletePurchase, time),
            CustomersCommand.KindOneofCase.AbandonPurchase => tables.Purchases.Abandon(intent.AbandonPurchase, time),
            CustomersCommand.KindOneofCase.MarkForwarded => MarkForwarded(tables, intent.MarkForwarded),
            _ => ApplyOnSession(tables, intent, time),
        };

    private static CustomersReply MarkForwarded(CustomersTables tables, MarkForwarded command)
    {
        tables.Feedback.MarkForwarded(command.VoteIds);
        return new CustomersReply();
    }

    private static CustomersReply ApplyOnSession(CustomersTables tables, CustomersCommand intent, long time)
    {
        var named =
            intent.Session
            ?? throw new InvalidOperationException(
                $"A command without a session, of a kind that this version does not know: {intent.KindCase}."
            );
        var used =
            intent.KindCase == CustomersCommand.KindOneofCase.TouchSession && intent.TouchSession.UsedAt > 0
                ? tables.Sessions.Touch(named, intent.TouchSession.UsedAt, time)
                : tables.Sessions.Use(named, time);
        if (used is not { } session)
        {
            return new CustomersReply { Error = CustomersError.NotLoggedIn };
        }

        return intent.KindCase switch
        {
            CustomersCommand.KindOneofCase.CloseSession => tables.Sessions.Close(session),
            CustomersCommand.KindOneofCase.TouchSession => new CustomersReply
            {
                Session = new SessionReply { AccountId = session.Account },
            },
            CustomersCommand.KindOneofCase.AddToCart => tables.Carts.Add(session, intent.AddToCart),
            CustomersCommand.KindOneofCase.RemoveFromCart => tables.Carts.Remove(session, intent.RemoveFromCart),
            CustomersCommand.KindOneofCase.SaveCart => tables.Carts.Save(session),
            CustomersCommand.KindOneofCase.ClearCart => tables.Carts.Clear(session),
            CustomersCommand.KindOneofCase.RecordVote => tables.Feedback.Record(session, intent.RecordVote, time),
            _ => throw new InvalidOperationException(
                $"A command of a kind that this version does not know: {intent.KindCase}."
            ),
        };
    }
}
