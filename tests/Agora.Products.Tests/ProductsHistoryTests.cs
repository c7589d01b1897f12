using Agora.Contracts.Products;
using Agora.Testing;
using CsCheck;
using Google.Protobuf;
using Xunit;

namespace Agora.Products.Tests;

/// <summary>
/// Random commands over few items, purchases and carts, so that they concern each other in every order.
/// </summary>
public sealed class ProductsHistoryTests
{
    private static readonly Gen<string> s_anItem = Gen.Int[1, 4].Select(i => $"1-{i}");
    private static readonly Gen<ByteString> s_anId = Gen.Int[0, 9].Select(i => ProductsUnderTest.Id($"{i}"));

    private static readonly Gen<ReservationLine> s_aLine = Gen.Select(
        s_anItem,
        Gen.Int[1, 6],
        (i, q) => new ReservationLine { ItemId = i, Quantity = q }
    );

    // Often the version that an item has after few changes.
    private static readonly Gen<long[]> s_versions = Gen.Frequency(
        (3, Gen.Const(Array.Empty<long>())),
        (2, Gen.Long[1, 4].Array[1, 3])
    );

    private static readonly Gen<ProductsCommand> s_aCommand = Gen.Select(
        Gen.Int[0, 1],
        Gen.Frequency(
            (2, Gen.Int[0, 12].Select(q => new ProductsCommand { RegisterItem = Item(q) })),
            (
                2,
                Gen.Select(
                    s_anItem,
                    Gen.Int[1, 2],
                    Gen.Int[1, 9],
                    s_versions,
                    (i, s, p, v) =>
                        new ProductsCommand
                        {
                            ChangePrice = new()
                            {
                                ItemId = i,
                                SellerId = s,
                                PriceCents = p,
                                IfVersion = { v },
                            },
                        }
                )
            ),
            (
                3,
                Gen.Select(
                    s_anItem,
                    Gen.Int[1, 2],
                    Gen.Int[1, 9],
                    s_versions,
                    (i, s, q, v) =>
                        new ProductsCommand
                        {
                            WithdrawUnits = new()
                            {
                                ItemId = i,
                                SellerId = s,
                                Quantity = q,
                                IfVersion = { v },
                            },
                        }
                )
            ),
            (
                3,
                Gen.Select(
                    s_anItem,
                    Gen.Int[1, 2],
                    Gen.Int[1, 9],
                    s_versions,
                    (i, s, q, v) =>
                        new ProductsCommand
                        {
                            AddUnits = new()
                            {
                                ItemId = i,
                                SellerId = s,
                                Quantity = q,
                                IfVersion = { v },
                            },
                        }
                )
            ),
            (
                8,
                Gen.Select(
                    s_anId,
                    s_anId,
                    s_aLine.Array[1, 3],
                    Gen.Int[-30, 60],
                    Gen.Int[0, 1],
                    (p, c, lines, cost, f) => new ProductsCommand { Reserve = Reserve(p, c, lines, cost, f) }
                )
            ),
            (4, s_anId.Array[1, 3].Select(p => new ProductsCommand { Confirm = new() { PurchaseIds = { p } } })),
            (3, s_anId.Select(p => new ProductsCommand { Release = new() { PurchaseId = p } })),
            (
                2,
                Gen.Select(
                    s_anItem,
                    s_anId,
                    Gen.Bool,
                    (i, v, up) =>
                        new ProductsCommand
                        {
                            AddFeedback = new()
                            {
                                ItemId = i,
                                VoteId = v,
                                Up = up,
                            },
                        }
                )
            )
        ),
        (fingerprint, command) => new ProductsCommand(command) { Fingerprint = (ulong)fingerprint }
    );

    private static RegisterItem Item(int quantity) =>
        new()
        {
            SellerId = 1,
            Name = "n",
            Category = 1,
            Keywords = { "K" },
            SearchKeywords = { "k" },
            Condition = Condition.New,
            PriceCents = 10 + quantity,
            Quantity = quantity,
        };

    private static Reserve Reserve(
        ByteString purchase,
        ByteString cart,
        ReservationLine[] lines,
        int cost,
        int fingerprint
    )
    {
        var reserve = new Reserve
        {
            PurchaseId = purchase,
            CartId = cart,
            Lines = { lines },
            Fingerprint = (uint)fingerprint,
        };
        if (cost >= 0)
        {
            reserve.ExpectedTotalCents = cost;
        }

        return reserve;
    }

    [Fact]
    public void Every_unit_is_on_sale_withdrawn_reserved_or_sold_after_any_history()
    {
        s_aCommand
            .Array[0, 100]
            .Sample(
                history =>
                {
                    using var db = new ProductsUnderTest();
                    var registered = 0L;
                    var withdrawn = 0L;
                    foreach (var command in history)
                    {
                        var reply = db.Do(command);
                        if (db.Kept)
                        {
                            Repeat(db, command, reply);
                        }

                        registered += command.RegisterItem?.Quantity ?? 0;
                        registered += reply.Error == ProductsError.None ? command.AddUnits?.Quantity ?? 0 : 0;
                        withdrawn += reply.Error == ProductsError.None ? command.WithdrawUnits?.Quantity ?? 0 : 0;
                        Assert.Equal(
                            "",
                            db.Rows(
                                """
                                SELECT * FROM item
                                WHERE registered <> quantity + withdrawn + reserved + sold
                                   OR MIN(quantity, withdrawn, reserved, sold) < 0
                                """
                            )
                        );
                    }

                    Assert.Equal(registered, db.Number("SELECT COALESCE(SUM(registered), 0) FROM item"));
                    Assert.Equal(withdrawn, db.Number("SELECT COALESCE(SUM(withdrawn), 0) FROM item"));

                    // Reserved and sold units are exactly those of the reservations in that state.
                    Assert.Equal(
                        "",
                        db.Rows(
                            """
                            SELECT i.number FROM item i
                            WHERE i.reserved <> (SELECT COALESCE(SUM(l.quantity), 0)
                                                 FROM reservation_line l JOIN reservation r USING (purchase_id)
                                                 WHERE r.state = 0 AND l.number = i.number)
                               OR i.sold <> (SELECT COALESCE(SUM(l.quantity), 0)
                                             FROM reservation_line l JOIN reservation r USING (purchase_id)
                                             WHERE r.state = 1 AND l.number = i.number)
                               OR i.thumbs_up + i.thumbs_down <> (SELECT COUNT(*) FROM vote v WHERE v.number = i.number)
                            """
                        )
                    );
                    Assert.Equal(
                        "",
                        db.Rows(
                            "SELECT * FROM vote v LEFT JOIN item i USING (number) WHERE v.category IS NOT i.category"
                        )
                    );
                    Assert.Equal(
                        "",
                        db.Rows("SELECT cart_id FROM reservation WHERE state < 2 GROUP BY cart_id HAVING COUNT(*) > 1")
                    );
                    Assert.Equal(
                        "",
                        db.Rows(
                            """
                            SELECT purchase_id FROM reservation_line JOIN reservation USING (purchase_id)
                            WHERE state >= 2
                            """
                        )
                    );
                    Assert.Equal(
                        "",
                        db.Rows(
                            """
                            SELECT purchase_id FROM reservation r
                            WHERE (state = 3) <> EXISTS (SELECT 1 FROM refused_line l
                                                         WHERE l.purchase_id = r.purchase_id)
                               OR (state = 3 AND total <> (SELECT SUM(quantity * unit_price) FROM refused_line l
                                                           WHERE l.purchase_id = r.purchase_id))
                               OR (state = 3) <> (error <> 0)
                            """
                        )
                    );
                    Assert.Equal(
                        db.Number("SELECT COUNT(*) FROM reservation WHERE state = 0"),
                        db.Tables.Reservations.Open(long.MaxValue, 100).Count
                    );
                },
                iter: 150,
                threads: 1
            );

        // Repeats a command at once, before anything else changes: with the reply that was kept, after that reply has
        // expired, and as another request.
        static void Repeat(ProductsUnderTest db, ProductsCommand command, ProductsReply reply)
        {
            Assert.Equal(new ProductsReply(reply) { Replayed = true }, db.Repeat(command, reply));
            var isForEver = command.AddFeedback is not null
                ? reply.Error == ProductsError.None
                : command.Reserve is not null && reply.Error != ProductsError.CartTaken;
            Assert.Equal(
                isForEver
                    ? new ProductsReply(reply) { Replayed = true }
                    : new ProductsReply { Error = ProductsError.KeyExpired, Fingerprint = command.Fingerprint },
                db.Repeat(command, null)
            );
            if (!isForEver)
            {
                Assert.Equal(
                    ProductsError.KeyReused,
                    db.Repeat(new ProductsCommand(command) { Fingerprint = 7 }, reply).Error
                );
            }
        }
    }

    [Fact]
    public void Replicas_that_apply_the_same_commands_hold_the_same_state_with_or_without_restarts()
    {
        Gen.Select(s_aCommand.Array[0, 100], Gen.Int[1, 10])
            .Sample(
                (history, restartEvery) =>
                {
                    using var one = new ProductsUnderTest();
                    using var other = new ProductsUnderTest();
                    for (var i = 0; i < history.Length; i++)
                    {
                        if (i % restartEvery == 0)
                        {
                            other.Restart();
                        }

                        var command = history[i].ToByteArray();
                        var reply = one.Apply(command);
                        Assert.Equal(reply, other.Apply(command));
                        Assert.Equal(one.Kept, other.Kept);
                        Assert.Equal(one.Repeat(command, reply), other.Repeat(command, reply));
                        Assert.Equal(one.Repeat(command, null), other.Repeat(command, null));
                    }

                    Assert.Equal(one.Everything(), other.Everything());
                },
                iter: 100,
                threads: 1
            );
    }

    [Fact]
    public void No_statement_reads_a_whole_table_or_sorts()
    {
        using var db = new ProductsUnderTest();
        var item = db.Register(keywords: ["red"]).ItemId;
        db.ChangePrice(item, 1, 5);
        db.Withdraw(item, 1, 1);
        db.AddUnits(item, 1, 1);
        db.Vote("v", item, true);
        db.Reserve("p", (item, 1));
        db.Confirm("p");
        db.Reserve("q", (item, 1));
        db.Release("q");
        db.Reserve("r", (item, 1_000));
        db.Reserve("r", (item, 1_000));
        db.Repeat(new ProductsCommand { AddFeedback = new() { VoteId = ProductsUnderTest.Id("v") } }, null);
        Assert.Empty(db.Tables.Reservations.Open(long.MaxValue, 10));
        db.Tables.Items.OfSeller(1, "", 10);
        db.Search(1, []);
        db.Search(1, ["r"], smallTier: 0);
        db.Search(1, ["r"], smallTier: 10);
        db.Register();
        var cursor = db.Search(1, [], limit: 1).NextCursor;
        db.Vote("w", item, true);
        Assert.Single(db.Search(1, [], limit: 1, cursor).Items);
        PlanAssert.Indexed(db, mayBeSorted: null);
    }
}
