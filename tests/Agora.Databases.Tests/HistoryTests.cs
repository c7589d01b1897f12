using Agora.Contracts.Customers;
using Agora.Customers;
using CsCheck;
using Google.Protobuf;
using Xunit;
using P = Agora.Contracts.Products;

namespace Agora.Databases.Tests;

/// <summary>Random commands over few accounts, tokens, items and purchases, so that they meet in every order.</summary>
public sealed class CustomersHistoryTests
{
    private const int Tokens = 3;

    // How a command comes again at once, if it does: with the reply that was kept, with none, or as another request
    // under its id.
    private enum Again
    {
        Never,
        Kept,
        Expired,
        Another,
    }

    private readonly record struct Step(long Pause, Command Command, Again Again);

    private static readonly Gen<Session> ASession = Gen.Int[0, Tokens - 1].Select(i => CustomersUnderTest.Token($"t{i}"));
    private static readonly Gen<string> AnItem = Gen.Int[1, 3].Select(i => $"1-{i}");
    private static readonly Gen<ByteString> AnId = Gen.Int[0, 9].Select(i => CustomersUnderTest.Id($"{i}"));

    // Of sessions that are open, closed or never were, and of the buyers 4 and 5.
    private static readonly Gen<ByteString> ACart =
        Gen.Select(Gen.Long[1, 4], Gen.Long[0, 3], (session, number) => new CartId(session, 4 + session % 2, number).ToBytes());

    private static readonly Gen<Command> ACommand = Gen.Frequency(
        (1, Gen.Select(Gen.Int[1, 2], Gen.Int[0, 3], (role, i) => CustomersUnderTest.NewAccount($"u{i}", (Role)role))),
        (8, Gen.Select(Gen.Int[0, Tokens - 1], Gen.Long[3, 6], (t, a) => new Command { OpenSession = new() { Role = Role.Buyer, AccountId = a, TokenHash = CustomersUnderTest.Token($"t{t}").TokenHash } })),
        (1, ASession.Select(s => new Command { CloseSession = new() { Session = s } })),
        (2, ASession.Select(s => new Command { TouchSession = new() { Session = s } })),
        (12, Gen.Select(ASession, AnItem, Gen.Int[1, 5], (s, i, q) => new Command { AddToCart = new() { Session = s, ItemId = i, Quantity = q, Available = 12 } })),
        (3, Gen.Select(ASession, AnItem, Gen.Int[0, 3], (s, i, q) => new Command { RemoveFromCart = q == 0 ? new() { Session = s, ItemId = i } : new() { Session = s, ItemId = i, Quantity = q } })),
        (2, ASession.Select(s => new Command { SaveCart = new() { Session = s } })),
        (1, ASession.Select(s => new Command { ClearCart = new() { Session = s } })),
        (12, Gen.Select(AnId, ACart, Gen.Int[1, 3], Gen.Int[1, 4], (p, c, n, q) => new Command { CompletePurchase = new() { PurchaseId = p, CartId = c, Lines = { Enumerable.Range(1, n).Select(i => CustomersUnderTest.Line($"1-{i}", q, 10 * i, i)) } } })),
        (2, Gen.Select(AnId, ACart, Gen.Int[2, 6], (p, c, o) =>
            new Command { AbandonPurchase = Abandon(p, c, (PurchaseState)o) })),
        (12, Gen.Select(ASession, AnItem, Gen.Bool, AnId, (s, i, up, v) => new Command { RecordVote = new() { Session = s, ItemId = i, Up = up, VoteId = v } })),
        (3, AnId.Array[0, 3].Select(v => new Command { MarkForwarded = new() { VoteIds = { v } } })));

    private static readonly Gen<Step[]> AHistory =
        Gen.Select(Gen.Frequency((40, Gen.Const(0L)), (15, Gen.Long[1, 40_000]), (1, Gen.Const(330_001L))), ACommand,
            Gen.Int[0, 1], Gen.Int[0, 3],
            (pause, command, fingerprint, again) =>
                new Step(pause, new Command(command) { Fingerprint = (ulong)fingerprint }, (Again)again)).Array[0, 200];

    private static AbandonPurchase Abandon(ByteString purchase, ByteString cart, PurchaseState outcome)
    {
        var abandon = new AbandonPurchase { PurchaseId = purchase, CartId = cart, Outcome = outcome, Reason = "r" };
        if (outcome is PurchaseState.OutOfStock or PurchaseState.PriceChanged)
        {
            abandon.RefusedTotalCents = 30;
            abandon.RefusedLines.Add(
                new RefusedLine { ItemId = "1-1", Quantity = 3, Name = "n", UnitPriceCents = 10, Available = 2 });
        }

        return abandon;
    }

    [Fact]
    public void Books_and_carts_hold_together_whatever_happens()
    {
        AHistory.Sample(history =>
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
            Assert.Equal("", db.Rows("""
                SELECT a.id, a.units, a.thumbs_up + a.thumbs_down FROM account a
                WHERE a.units <> (SELECT COALESCE(SUM(l.quantity), 0) FROM purchase_line l JOIN purchase p ON p.id = l.purchase WHERE p.state = 1 AND l.seller = a.id)
                               + (SELECT COALESCE(SUM(l.quantity), 0) FROM purchase_line l JOIN purchase p ON p.id = l.purchase WHERE p.state = 1 AND p.buyer = a.id)
                   OR a.thumbs_up + a.thumbs_down <> (SELECT COUNT(*) FROM bought b WHERE b.seller = a.id AND b.rated = 1)
                """));
            Assert.Equal("", db.Rows("""
                SELECT id FROM purchase p
                WHERE total <> (SELECT COALESCE(SUM(quantity * unit_price), 0) FROM purchase_line l
                                WHERE l.purchase = p.id AND l.at = p.at)
                   OR refused_total <> (SELECT COALESCE(SUM(quantity * unit_price), 0) FROM refused_line l
                                        WHERE l.purchase = p.id)
                   OR (state = 1) <> EXISTS (SELECT 1 FROM bought b WHERE b.purchase = p.id)
                """));
            Assert.Equal(db.Number("SELECT COUNT(*) FROM vote"), db.Number("SELECT COUNT(*) FROM bought WHERE rated = 1"));
            Assert.Equal("", db.Rows("SELECT * FROM cart_line WHERE quantity > 12 OR (kind = 0 AND owner NOT IN (SELECT id FROM session))"));
            // A session buys one cart after the other.
            Assert.Equal("", db.Rows("SELECT session FROM purchase WHERE state = 1 GROUP BY session HAVING MAX(number) <> COUNT(*) - 1 OR COUNT(DISTINCT number) <> COUNT(*)"));
        }, iter: 150, threads: 1);
    }

    private static void Repeat(CustomersUnderTest db, Step step, Reply reply)
    {
        var isForEver = reply.KindCase is Reply.KindOneofCase.Purchase or Reply.KindOneofCase.Vote;
        switch (step.Again)
        {
            case Again.Kept:
                Assert.Equal(new Reply(reply) { Replayed = true }, db.Repeat(step.Command, reply));
                break;
            case Again.Expired when isForEver:
                Assert.Equal(new Reply(reply) { Replayed = true }, db.Repeat(step.Command, null));
                break;
            case Again.Expired:
                Assert.Equal(new Reply { Error = Error.KeyExpired, Fingerprint = step.Command.Fingerprint },
                    db.Repeat(step.Command, null));
                break;
            case Again.Another when !isForEver:
                var other = new Command(step.Command) { Fingerprint = 7 };
                Assert.Equal(new Reply { Error = Error.KeyReused, Fingerprint = 7 }, db.Repeat(other, reply));
                break;
        }
    }

    [Fact]
    public void Replicas_that_apply_the_same_commands_hold_the_same_restarts_or_not()
    {
        Gen.Select(AHistory, Gen.Int[1, 10]).Sample((history, restartEvery) =>
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
                if (history[i].Again != Again.Never)
                {
                    var kept = history[i].Again == Again.Expired ? null : reply;
                    Assert.Equal(one.Repeat(command, kept), other.Repeat(command, kept));
                }
            }

            Assert.Equal(one.Everything(), other.Everything());
        }, iter: 100, threads: 1);
    }

    // Sellers 1 to 3, buyers 4 and 5; 6 is nobody yet.
    private static CustomersUnderTest WithAccounts()
    {
        var db = new CustomersUnderTest();
        Assert.Equal([1, 2, 3, 4, 5], new[] { "s1", "s2", "s3" }.Select(name => db.Account(name, Role.Seller)).Concat(new[] { "b1", "b2" }.Select(name => db.Account(name))));
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
        db.Do(new Command { AbandonPurchase = refused });
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

public sealed class ProductsHistoryTests
{
    private static readonly Gen<string> AnItem = Gen.Int[1, 4].Select(i => $"1-{i}");
    private static readonly Gen<ByteString> AnId = Gen.Int[0, 9].Select(i => ProductsUnderTest.Id($"{i}"));

    private static readonly Gen<P.ReservationLine> ALine =
        Gen.Select(AnItem, Gen.Int[1, 6], (i, q) => new P.ReservationLine { ItemId = i, Quantity = q });

    // Often the version that an item is of after few changes.
    private static readonly Gen<long[]> Versions =
        Gen.Frequency((3, Gen.Const(Array.Empty<long>())), (2, Gen.Long[1, 4].Array[1, 3]));

    private static readonly Gen<P.Command> ACommand = Gen.Select(Gen.Int[0, 1], Gen.Frequency(
        (2, Gen.Int[0, 12].Select(q => new P.Command { RegisterItem = Item(q) })),
        (2, Gen.Select(AnItem, Gen.Int[1, 2], Gen.Int[1, 9], Versions, (i, s, p, v) =>
            new P.Command { ChangePrice = new() { ItemId = i, SellerId = s, PriceCents = p, IfVersion = { v } } })),
        (3, Gen.Select(AnItem, Gen.Int[1, 2], Gen.Int[1, 9], Versions, (i, s, q, v) =>
            new P.Command { WithdrawUnits = new() { ItemId = i, SellerId = s, Quantity = q, IfVersion = { v } } })),
        (3, Gen.Select(AnItem, Gen.Int[1, 2], Gen.Int[1, 9], Versions, (i, s, q, v) =>
            new P.Command { AddUnits = new() { ItemId = i, SellerId = s, Quantity = q, IfVersion = { v } } })),
        (8, Gen.Select(AnId, AnId, ALine.Array[1, 3], Gen.Int[-30, 60], Gen.Int[0, 1], (p, c, lines, cost, f) =>
            new P.Command { Reserve = Reserve(p, c, lines, cost, f) })),
        (4, AnId.Array[1, 3].Select(p => new P.Command { Confirm = new() { PurchaseIds = { p } } })),
        (3, AnId.Select(p => new P.Command { Release = new() { PurchaseId = p } })),
        (2, Gen.Select(AnItem, AnId, Gen.Bool, (i, v, up) =>
            new P.Command { AddFeedback = new() { ItemId = i, VoteId = v, Up = up } }))),
        (fingerprint, command) => new P.Command(command) { Fingerprint = (ulong)fingerprint });

    private static P.RegisterItem Item(int quantity) => new()
    {
        SellerId = 1,
        Name = "n",
        Category = 1,
        Keywords = { "K" },
        SearchKeywords = { "k" },
        Condition = P.Condition.New,
        PriceCents = 10 + quantity,
        Quantity = quantity,
    };

    private static P.Reserve Reserve(
        ByteString purchase, ByteString cart, P.ReservationLine[] lines, int cost, int fingerprint)
    {
        var reserve =
            new P.Reserve { PurchaseId = purchase, CartId = cart, Lines = { lines }, Fingerprint = (uint)fingerprint };
        if (cost >= 0)
        {
            reserve.ExpectedTotalCents = cost;
        }

        return reserve;
    }

    [Fact]
    public void Every_unit_is_on_sale_withdrawn_reserved_or_sold_whatever_happens()
    {
        ACommand.Array[0, 100].Sample(history =>
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
                registered += reply.Error == P.Error.None ? command.AddUnits?.Quantity ?? 0 : 0;
                withdrawn += reply.Error == P.Error.None ? command.WithdrawUnits?.Quantity ?? 0 : 0;
                Assert.Equal("", db.Rows("SELECT * FROM item WHERE registered <> quantity + withdrawn + reserved + sold OR MIN(quantity, withdrawn, reserved, sold) < 0"));
            }

            Assert.Equal(registered, db.Number("SELECT COALESCE(SUM(registered), 0) FROM item"));
            Assert.Equal(withdrawn, db.Number("SELECT COALESCE(SUM(withdrawn), 0) FROM item"));

            // Reserved and sold units are exactly those of the reservations in that state.
            Assert.Equal("", db.Rows("""
                SELECT i.number FROM item i
                WHERE i.reserved <> (SELECT COALESCE(SUM(l.quantity), 0) FROM reservation_line l JOIN reservation r USING (purchase_id) WHERE r.state = 0 AND l.number = i.number)
                   OR i.sold <> (SELECT COALESCE(SUM(l.quantity), 0) FROM reservation_line l JOIN reservation r USING (purchase_id) WHERE r.state = 1 AND l.number = i.number)
                   OR i.thumbs_up + i.thumbs_down <> (SELECT COUNT(*) FROM vote v WHERE v.number = i.number)
                """));
            Assert.Equal(
                "", db.Rows("SELECT * FROM vote v LEFT JOIN item i USING (number) WHERE v.category IS NOT i.category"));
            Assert.Equal("", db.Rows("SELECT cart_id FROM reservation WHERE state < 2 GROUP BY cart_id HAVING COUNT(*) > 1"));
            Assert.Equal("", db.Rows("SELECT purchase_id FROM reservation_line JOIN reservation USING (purchase_id) WHERE state >= 2"));
            Assert.Equal("", db.Rows("""
                SELECT purchase_id FROM reservation r
                WHERE (state = 3) <> EXISTS (SELECT 1 FROM refused_line l WHERE l.purchase_id = r.purchase_id)
                   OR (state = 3 AND total <> (SELECT SUM(quantity * unit_price) FROM refused_line l
                                               WHERE l.purchase_id = r.purchase_id))
                   OR (state = 3) <> (error <> 0)
                """));
            Assert.Equal(db.Number("SELECT COUNT(*) FROM reservation WHERE state = 0"), db.Tables.Reservations.Open(long.MaxValue, 100).Count);
        }, iter: 150, threads: 1);

        // At once, so that nothing has changed in between; and by the reply that was kept, late, and as another
        // request.
        static void Repeat(ProductsUnderTest db, P.Command command, P.Reply reply)
        {
            Assert.Equal(new P.Reply(reply) { Replayed = true }, db.Repeat(command, reply));
            var isForEver = command.AddFeedback is not null
                ? reply.Error == P.Error.None
                : command.Reserve is not null && reply.Error != P.Error.CartTaken;
            Assert.Equal(
                isForEver ? new P.Reply(reply) { Replayed = true }
                    : new P.Reply { Error = P.Error.KeyExpired, Fingerprint = command.Fingerprint },
                db.Repeat(command, null));
            if (!isForEver)
            {
                Assert.Equal(P.Error.KeyReused, db.Repeat(new P.Command(command) { Fingerprint = 7 }, reply).Error);
            }
        }
    }

    [Fact]
    public void Replicas_that_apply_the_same_commands_hold_the_same_restarts_or_not()
    {
        Gen.Select(ACommand.Array[0, 100], Gen.Int[1, 10]).Sample((history, restartEvery) =>
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
        }, iter: 100, threads: 1);
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
        db.Repeat(new P.Command { AddFeedback = new() { VoteId = ProductsUnderTest.Id("v") } }, null);
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

internal static class PlanAssert
{
    public static void Indexed(DatabaseUnderTest db, string? mayBeSorted)
    {
        var plans = db.Plans().ToList();
        Assert.NotEmpty(plans);
        Assert.All(plans, plan =>
        {
            Assert.DoesNotContain("|SCAN ", plan, StringComparison.Ordinal);
            Assert.True(!plan.Contains("TEMP B-TREE", StringComparison.Ordinal) || (mayBeSorted is not null && plan.Contains(mayBeSorted, StringComparison.Ordinal)), plan);
        });
    }
}
