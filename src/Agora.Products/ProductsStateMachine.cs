using Agora.Contracts.Products;
using Agora.Replication;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace Agora.Products;

/// <summary>
/// The products database as a function of its ordered commands: payload <see cref="ProductsCommand"/>, reply
/// <see cref="ProductsReply"/>. Each command makes all its checks before its first write, so a refused command
/// changes nothing; but the refusal of a reservation is recorded.
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
        var intent = ProductsCommand.Parser.ParseFrom(command.Payload.Span);
        var reply = intent.KindCase switch
        {
            ProductsCommand.KindOneofCase.RegisterItem => Tables.Items.Register(intent.RegisterItem),
            ProductsCommand.KindOneofCase.ChangePrice => Tables.Items.ChangePrice(intent.ChangePrice),
            ProductsCommand.KindOneofCase.WithdrawUnits => Tables.Items.Withdraw(intent.WithdrawUnits),
            ProductsCommand.KindOneofCase.AddUnits => Tables.Items.AddUnits(intent.AddUnits),
            ProductsCommand.KindOneofCase.AddFeedback => Tables.Items.AddFeedback(intent.AddFeedback),
            ProductsCommand.KindOneofCase.Reserve => Tables.Reservations.Reserve(intent.Reserve, command.Time),
            ProductsCommand.KindOneofCase.Confirm => Tables.Reservations.Confirm(intent.Confirm),
            ProductsCommand.KindOneofCase.Release => Tables.Reservations.Release(intent.Release),
            _ => throw new InvalidOperationException(
                $"A command of a kind that this version does not know: {intent.KindCase}."
            ),
        };
        keep = reply.Error != ProductsError.KeyReused;
        return Encode(reply, intent);
    }

    /// <inheritdoc/>
    public byte[] Repeat(in Command command, byte[]? reply)
    {
        var intent = ProductsCommand.Parser.ParseFrom(command.Payload.Span);

        // Reservations and votes have ids of their own, which are known for ever.
        var known = intent.KindCase switch
        {
            ProductsCommand.KindOneofCase.Reserve => Tables.Reservations.Repeat(intent.Reserve),
            ProductsCommand.KindOneofCase.AddFeedback => Tables.Items.Repeat(intent.AddFeedback),
            _ => null,
        };
        return Encode(known ?? Repeat(intent, reply is null ? null : ProductsReply.Parser.ParseFrom(reply)), intent);
    }

    private ProductsTables Tables => _tables ?? throw new InvalidOperationException("The state machine is not open.");

    private static ProductsReply Repeat(ProductsCommand intent, ProductsReply? kept)
    {
        if (kept is null)
        {
            return new ProductsReply { Error = ProductsError.KeyExpired };
        }

        if (kept.Fingerprint != intent.Fingerprint)
        {
            return new ProductsReply { Error = ProductsError.KeyReused };
        }

        kept.Replayed = true;
        return kept;
    }

    private static byte[] Encode(ProductsReply reply, ProductsCommand intent)
    {
        reply.Fingerprint = intent.Fingerprint;
        return reply.ToByteArray();
    }
}
