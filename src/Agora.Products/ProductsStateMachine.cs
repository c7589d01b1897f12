using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Command = Agora.Replication.Command;
using Intent = Agora.Contracts.Products.Command;

namespace Agora.Products;

/// <summary>
/// The products database as a function of its ordered commands: payload <see cref="Intent"/>, reply <see cref="Reply"/>.
/// Each command makes all its checks before its first write, so that a refusal leaves no trace.
/// </summary>
public sealed class ProductsStateMachine : IStateMachine
{
    private ProductsTables? _tables;

    /// <inheritdoc/>
    public string Schema => ProductsSchema.Sql;

    /// <inheritdoc/>
    public void Open(SqliteConnection writer) => _tables = new ProductsTables(writer);

    /// <inheritdoc/>
    public byte[] Apply(in Command command, out bool keep)
    {
        var intent = Intent.Parser.ParseFrom(command.Payload.Span);
        var reply = intent.KindCase switch
        {
            Intent.KindOneofCase.RegisterItem => Tables.Items.Register(intent.RegisterItem),
            Intent.KindOneofCase.ChangePrice => Tables.Items.ChangePrice(intent.ChangePrice),
            Intent.KindOneofCase.WithdrawUnits => Tables.Items.Withdraw(intent.WithdrawUnits),
            Intent.KindOneofCase.AddUnits => Tables.Items.AddUnits(intent.AddUnits),
            Intent.KindOneofCase.AddFeedback => Tables.Items.AddFeedback(intent.AddFeedback),
            Intent.KindOneofCase.Reserve => Tables.Reservations.Reserve(intent.Reserve, command.Time),
            Intent.KindOneofCase.Confirm => Tables.Reservations.Confirm(intent.Confirm),
            Intent.KindOneofCase.Release => Tables.Reservations.Release(intent.Release),
            _ => throw new InvalidOperationException($"A command of a kind that this version does not know: {intent.KindCase}."),
        };
        keep = reply.Error != Error.KeyReused;
        return Encode(reply, intent);
    }

    /// <inheritdoc/>
    public byte[] Repeat(in Command command, byte[]? reply)
    {
        var intent = Intent.Parser.ParseFrom(command.Payload.Span);

        // Reservations and votes are known for ever, by ids of their own.
        var known = intent.KindCase switch
        {
            Intent.KindOneofCase.Reserve => Tables.Reservations.Repeat(intent.Reserve),
            Intent.KindOneofCase.AddFeedback => Tables.Items.Repeat(intent.AddFeedback),
            _ => null,
        };
        return Encode(known ?? Repeat(intent, reply is null ? null : Reply.Parser.ParseFrom(reply)), intent);
    }

    private ProductsTables Tables => _tables ?? throw new InvalidOperationException("The state machine is not open.");

    private static Reply Repeat(Intent intent, Reply? kept)
    {
        if (kept is null)
        {
            return new Reply { Error = Error.KeyExpired };
        }

        if (kept.Fingerprint != intent.Fingerprint)
        {
            return new Reply { Error = Error.KeyReused };
        }

        kept.Replayed = true;
        return kept;
    }

    private static byte[] Encode(Reply reply, Intent intent)
    {
        reply.Fingerprint = intent.Fingerprint;
        return reply.ToByteArray();
    }
}

/// <summary>
/// The tables as seen through one connection: the writer's for commands, a reader's for queries. Statements are prepared when
/// first used, so a reader holds none of the writer's.
/// </summary>
internal sealed class ProductsTables
{
    public ProductsTables(SqliteConnection connection)
    {
        Items = new Items(connection);
        Reservations = new Reservations(connection, Items);
        Search = new Search(connection, Items);
    }

    public Items Items { get; }

    public Reservations Reservations { get; }

    public Search Search { get; }
}
