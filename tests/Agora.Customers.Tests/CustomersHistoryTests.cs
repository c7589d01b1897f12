using Agora.Contracts.Customers;
using Agora.Testing;
using CsCheck;
using Google.Protobuf;
using Xunit;

namespace Agora.Customers.Tests;

/// <summary>
/// Random commands over few accounts, tokens, items and purchases, so that they concern each other in every order.
/// </summary>
public sealed class CustomersHistoryTests
{
    private const int Tokens = 3;

    // How a command is repeated at once, if it is: with the reply that was kept, after that reply has expired, or as
    // another request under its id.
    private enum Repetition
    {
        None,
        Kept,
        Expired,
        Another,
    }

    private readonly record struct HistoryStep(long Pause, CustomersCommand Command, Repetition Repetition);

    private static readonly Gen<Session> s_aSession = Gen.Int[0, Tokens - 1]
        .Select(i => CustomersUnderTest.Token($"t{i}"));
    private static readonly Gen<string> s_anItem = Gen.Int[1, 3].Select(i => $"1-{i}");
    private static readonly Gen<ByteString> s_anId = Gen.Int[0, 9].Select(i => CustomersUnderTest.Id($"{i}"));

    // Carts of sessions that are open, closed or never existed, and of the buyers 4 and 5.
    private static readonly Gen<ByteString> s_aCart = Gen.Select(
        Gen.Long[1, 4],
        Gen.Long[0, 3],
        (session, number) => new CartId(session, 4 + session % 2, number).ToBytes()
    );

    private static readonly Gen<CustomersCommand> s_aCommand = Gen.Frequency(
        (1, Gen.Select(Gen.Int[1, 2], Gen.Int[0, 3], (role, i) => CustomersUnderTest.NewAccount($"u{i}", (Role)role))),
        (
            8,
            Gen.Select(
                Gen.Int[0, Tokens - 1],
                Gen.Long[3, 6],
                (t, a) =>
                    new CustomersCommand
                    {
                        OpenSession = new()
                        {
                            Role = Role.Buyer,
                            AccountId = a,
                            TokenHash = CustomersUnderTest.Token($"t{t}").TokenHash,
                        },
                    }
            )
        ),
        (1, s_aSession.Select(s => new CustomersCommand { CloseSession = new() { Session = s } })),
        (2, s_aSession.Select(s => new CustomersCommand { TouchSession = new() { Session = s } })),
        (
            12,
            Gen.Select(
                s_aSession,
                s_anItem,
                Gen.Int[1, 5],
                (s, i, q) =>
                    new CustomersCommand
                    {
                        AddToCart = new()
                        {
                            Session = s,
                            ItemId = i,
                            Quantity = q,
                            Available = 12,
                        },
                    }
            )
        ),
        (
            3,
            Gen.Select(
                s_aSession,
                s_anItem,
                Gen.Int[0, 3],
                (s, i, q) =>
                    new CustomersCommand
                    {
                        RemoveFromCart =
                            q == 0
                                ? new() { Session = s, ItemId = i }
                                : new()
                                {
                                    Session = s,
                                    ItemId = i,
                                    Quantity = q,
                                },
                    }
            )
        ),
        (2, s_aSession.Select(s => new CustomersCommand { SaveCart = new() { Session = s } })),
        (1, s_aSession.Select(s => new CustomersCommand { ClearCart = new() { Session = s } })),
        (
            12,
            Gen.Select(
                s_anId,
                s_aCart,
                Gen.Int[1, 3],
                Gen.Int[1, 4],
                (p, c, n, q) =>
                    new CustomersCommand
                    {
                        CompletePurchase = new()
                        {
                            PurchaseId = p,
                            CartId = c,
                            Lines =
                            {
                                Enumerable.Range(1, n).Select(i => CustomersUnderTest.Line($"1-{i}", q, 10 * i, i)),
                            },
                        },
                    }
            )
        ),
        (
            2,
            Gen.Select(
                s_anId,
                s_aCart,
                Gen.Int[2, 6],
                (p, c, o) => new CustomersCommand { AbandonPurchase = Abandon(p, c, (PurchaseState)o) }
            )
        ),
        (
            12,
            Gen.Select(
                s_aSession,
                s_anItem,
                Gen.Bool,
                s_anId,
                (s, i, up, v) =>
                    new CustomersCommand
                    {
                        RecordVote = new()
                        {
                            Session = s,
                            ItemId = i,
                            Up = up,
                            VoteId = v,
                        },
                    }
            )
        ),
        (3, s_anId.Array[0, 3].Select(v => new CustomersCommand { MarkForwarded = new() { VoteIds = { v } } }))
    );

    private static readonly Gen<HistoryStep[]> s_aHistory = Gen.Select(
        Gen.Frequency((40, Gen.Const(0L)), (15, Gen.Long[1, 40_000]), (1, Gen.Const(330_001L))),
        s_aCommand,
        Gen.Int[0, 1],
        Gen.Int[0, 3],
        (pause, command, fingerprint, repetition) =>
            new HistoryStep(
                pause,
                new CustomersCommand(command) { Fingerprint = (ulong)fingerprint },
                (Repetition)repetition
            )
    ).Array[0, 200];

    private static AbandonPurchase Abandon(ByteString purchase, ByteString cart, PurchaseState outcome)
    {
        var abandon = new AbandonPurchase
        {
            PurchaseId = purchase,
            CartId = cart,
            Outcome = outcome,
            Reason = "r",
        };
        if (outcome is PurchaseState.OutOfStock or PurchaseState.PriceChanged)
        {
            abandon.RefusedTotalCents = 30;
            abandon.RefusedLines.Add(
                new RefusedLine
                {
                    ItemId = "1-1",
                    Quantity = 3,
                    Name = "n",
                    UnitPriceCents = 10,
                    Available = 2,
                }
            );
        }

        return abandon;
    }

    [Fact]
    public void Books_and_carts_agree_after_any_history()
    {
        s_aHistory.Sample(
            history =>
            {
                using var db = WithAccounts();
                foreach (var step in history)
                {
                    db.Time += step.Pause;
                    var reply = db.Do(step.Command);
                    if (db.Kept)
                    {
                        Repeat(db, step, reply);
                    }
                }

                // What buyers have bought is what sellers have sold.
                Assert.Equal(
                    "",
                    db.Rows(
                        """
                        SELECT a.id, a.units, a.thumbs_up + a.thumbs_down FROM account a
                        WHERE a.units <> (SELECT COALESCE(SUM(l.quantity), 0)
                                          FROM purchase_line l JOIN purchase p ON p.id = l.purchase
                                          WHERE p.state = 1 AND l.seller = a.id)
                                       + (SELECT COALESCE(SUM(l.quantity), 0)
                                          FROM purchase_line l JOIN purchase p ON p.id = l.purchase
                                          WHERE p.state = 1 AND p.buyer = a.id)
                           OR a.thumbs_up + a.thumbs_down
                              <> (SELECT COUNT(*) FROM bought b WHERE b.seller = a.id AND b.rated = 1)
                        """
                    )
                );
                Assert.Equal(
                    "",
                    db.Rows(
                        """
                        SELECT id FROM purchase p
                        WHERE total <> (SELECT COALESCE(SUM(quantity * unit_price), 0) FROM purchase_line l
                                        WHERE l.purchase = p.id AND l.at = p.at)
                           OR refused_total <> (SELECT COALESCE(SUM(quantity * unit_price), 0) FROM refused_line l
                                                WHERE l.purchase = p.id)
                           OR (state = 1) <> EXISTS (SELECT 1 FROM bought b WHERE b.purchase = p.id)
                        """
                    )
                );
                Assert.Equal(
                    db.Number("SELECT COUNT(*) FROM vote"),
                    db.Number("SELECT COUNT(*) FROM bought WHERE rated = 1")
                );
                Assert.Equal(
                    "",
                    db.Rows(
                        """
                        SELECT * FROM cart_line
                        WHERE quantity > 12 OR (kind = 0 AND owner NOT IN (SELECT id FROM session))
                        """
                    )
                );

                // The carts that a session has bought are numbered without a gap.
                Assert.Equal(
                    "",
                    db.Rows(
                        """
                        SELECT session FROM purchase WHERE state = 1 GROUP BY session
                        HAVING MAX(number) <> COUNT(*) - 1 OR COUNT(DISTINCT number) <> COUNT(*)
                        """
                    )
                );
            },
            iter: 150,
            threads: 1
        );
    }

    private static void Repeat(CustomersUnderTest db, HistoryStep step, CustomersReply reply)
    {
        var isForEver = reply.KindCase is CustomersReply.KindOneofCase.Purchase or CustomersReply.KindOneofCase.Vote;
        switch (step.Repetition)
        {
            case Repetition.Kept:
                Assert.Equal(new CustomersReply(reply) { Replayed = true }, db.Repeat(step.Command, reply));
                break;
            case Repetition.Expired when isForEver:
                Assert.Equal(new CustomersReply(reply) { Replayed = true }, db.Repeat(step.Command, null));
                break;
            case Repetition.Expired:
                Assert.Equal(
                    new CustomersReply { Error = CustomersError.KeyExpired, Fingerprint = step.Command.Fingerprint },
                    db.Repeat(step.Command, null)
                );
                break;
            case Repetition.Another when !isForEver:
                var other = new CustomersCommand(step.Command) { Fingerprint = 7 };
                Assert.Equal(
                    new CustomersReply { Error = CustomersError.KeyReused, Fingerprint = 7 },
                    db.Repeat(other, reply)
                );
                break;
        }
    }

    [Fact]
    public void Replicas_that_apply_the_same_commands_hold_the_same_state_with_or_without_restarts()
    {
        Gen.Select(s_aHistory, Gen.Int[1, 10])
            .Sample(
                (history, restartEvery) =>
                {
                    using var one = WithAccounts();
                    using var other = WithAccounts();
                    for (var i = 0; i < history.Length; i++)
                    {
                        one.Time += history[i].Pause;
                        other.Time += history[i].Pause;
                        if (i % restartEvery == 0)
                        {
                            other.Restart();
                        }

                        var command = history[i].Command.ToByteArray();
                        var reply = one.Apply(command);
                        Assert.Equal(reply, other.Apply(command));
                        Assert.Equal(one.Kept, other.Kept);
                        if (history[i].Repetition != Repetition.None)
                        {
                            var kept = history[i].Repetition == Repetition.Expired ? null : reply;
                            Assert.Equal(one.Repeat(command, kept), other.Repeat(command, kept));
                        }
                    }

                    Assert.Equal(one.Everything(), other.Everything());
                },
                iter: 100,
                threads: 1
            );
    }

    // Sellers 1 to 3 and buyers 4 and 5; there is no account 6 yet.
    private static CustomersUnderTest WithAccounts()
    {
        var db = new CustomersUnderTest();
        Assert.Equal(
            [1, 2, 3, 4, 5],
            new[] { "s1", "s2", "s3" }
                .Select(name => db.Account(name, Role.Seller))
                .Concat(new[] { "b1", "b2" }.Select(name => db.Account(name)))
        );
        return db;
    }

    [Fact]
    public void No_statement_reads_a_whole_table_or_sorts_more_than_a_cart()
    {
        using var db = new CustomersUnderTest();
        var seller = db.Account("sue", Role.Seller);
        var ben = db.LogIn("ben");
        db.Buy(ben, "1", "1-1", 1, 1, seller);
        db.Vote(ben, "1-1", true, "v");
        db.Vote(ben, "1-1", true, "w");
        db.Forward("v");
        db.Save(ben);
        db.Clear(ben);
        db.Add(ben, "1-1", 2);
        db.Remove(ben, "1-1", 1);
        db.Abandon("2", db.CartIdOf(ben));
        var refused = Abandon(CustomersUnderTest.Id("3"), db.CartIdOf(ben), PurchaseState.OutOfStock);
        db.Do(new CustomersCommand { AbandonPurchase = refused });
        db.Rating(ben, seller);
        db.Time += 31_000;
        db.Touch(ben);
        db.Close(ben);
        ben = db.LogIn("eve");
        db.Tables.Accounts.Credentials(new CredentialsQuery { UsernameKey = "ben", Role = Role.Buyer });
        db.Tables.Purchases.History(db.Row(ben), "", 10);
        db.Tables.Purchases.Sales(db.Row(ben), "", 10);
        Assert.Empty(db.Tables.Feedback.Unforwarded(db.Time, 10));
        PlanAssert.Indexed(db, mayBeSorted: "FROM cart_line WHERE kind = ?1 AND owner = ?2 ORDER BY position");
    }
}
