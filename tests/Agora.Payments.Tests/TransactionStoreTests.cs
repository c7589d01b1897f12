using Agora.Cluster;
using Agora.Contracts.Payments;
using Xunit;
using static Agora.Contracts.Payments.TransactionState;

namespace Agora.Payments.Tests;

public sealed class TransactionStoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("agora-payments-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task The_same_transaction_always_gets_the_same_answer_also_after_a_restart_with_other_settings()
    {
        Dictionary<string, TransactionState> first = [];
        using (var store = Open(seed: 7))
        {
            for (var i = 0; i < 50; i++)
            {
                first[$"t{i}"] = await store.ChargeAsync($"t{i}", 100);
            }
        }

        Assert.Equal([Approved, Declined], first.Values.Distinct().Order());

        using var again = Open(seed: 8, approvalProbability: 0.5);
        foreach (var (id, answer) in first)
        {
            Assert.Equal(answer, await again.ChargeAsync(id, 999));
            Assert.Equal(answer, await again.FindAsync(id));
        }
    }

    [Fact]
    public async Task An_answer_is_in_the_files_before_it_is_given()
    {
        using var store = Open(seed: 1, approvalProbability: 1);
        await store.ChargeAsync("charged", 100);
        await store.ChargeAsync("undone", 100);
        await store.CancelAsync("undone");

        // What a process leaves behind that is killed now.
        var copy = Directory.CreateDirectory(Path.Combine(_root, "copy")).FullName;
        foreach (var file in Directory.GetFiles(Path.Combine(_root, "data")))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        using var after = TransactionStore.Open(copy, null, 1, TimeProvider.System);
        Assert.Equal(Approved, await after.FindAsync("charged"));
        Assert.Equal(Cancelled, await after.FindAsync("undone"));
    }

    [Fact]
    public async Task A_decision_depends_on_seed_and_transaction_alone_whatever_came_before()
    {
        string[] ids = [.. Enumerable.Range(0, 100).Select(i => $"t{i}")];
        using var forward = Open(seed: 3, name: "forward");
        using var backward = Open(seed: 3, name: "backward");
        foreach (var id in ids)
        {
            await forward.ChargeAsync(id, 1);
        }

        foreach (var id in ids.Reverse())
        {
            await backward.ChargeAsync(id, 1);
        }

        foreach (var id in ids)
        {
            Assert.Equal(await forward.FindAsync(id), await backward.FindAsync(id));
        }
    }

    [Theory]
    [InlineData(0.9, 8_850, 9_150)]
    [InlineData(0.5, 4_800, 5_200)]
    [InlineData(1, 10_000, 10_000)]
    [InlineData(0, 0, 0)]
    public void As_many_are_approved_as_the_probability_says(double probability, int least, int most) =>
        Assert.InRange(
            Enumerable
                .Range(0, 10_000)
                .Count(i => TransactionStore.Decision(42, $"purchase-{i}", probability) == Approved),
            least,
            most
        );

    [Fact]
    public void Without_a_configured_seed_one_is_drawn_at_the_first_start_and_kept()
    {
        int Seed(string name)
        {
            using var store = Open(seed: null, name: name);
            return store.Seed;
        }

        Assert.Equal(Seed("a"), Seed("a"));
        Assert.NotEqual(Seed("a"), Seed("b"));
    }

    [Fact]
    public async Task A_cancellation_undoes_an_approval_and_shuts_the_door_for_every_later_charge()
    {
        using var store = Open(seed: 1, approvalProbability: 1);
        Assert.Equal(Approved, await store.ChargeAsync("charged", 100));
        foreach (var id in new[] { "charged", "never charged" })
        {
            Assert.Equal(Cancelled, await store.CancelAsync(id));
            Assert.Equal(Cancelled, await store.CancelAsync(id));
            Assert.Equal(Declined, await store.ChargeAsync(id, 100));
            Assert.Equal(Cancelled, await store.FindAsync(id));
        }
    }

    [Fact]
    public async Task A_cancellation_of_a_decline_leaves_it_a_decline()
    {
        using var store = Open(seed: 1, approvalProbability: 0);
        Assert.Equal(Declined, await store.ChargeAsync("t", 100));
        Assert.Equal(Declined, await store.CancelAsync("t"));
        Assert.Equal(Declined, await store.FindAsync("t"));
    }

    [Fact]
    public async Task To_find_a_transaction_does_not_make_one()
    {
        using var store = Open(seed: 1, approvalProbability: 1);
        Assert.Equal(Unknown, await store.FindAsync("t"));
        Assert.Equal(Unknown, await store.FindAsync("t"));
        Assert.Equal(Approved, await store.ChargeAsync("t", 100));
    }

    [Fact]
    public async Task A_charge_and_a_cancellation_at_the_same_time_end_cancelled_whichever_comes_first()
    {
        using var store = Open(seed: 1, approvalProbability: 1);
        await Parallel.ForAsync(
            0,
            200,
            TestContext.Current.CancellationToken,
            async (i, _) =>
            {
                var id = $"t{i}";
                var charge = Task.Run(() => store.ChargeAsync(id, 100));
                var undo = Task.Run(() => store.CancelAsync(id));
                Assert.Equal(Cancelled, await undo);
                Assert.Contains(await charge, new[] { Approved, Declined });
                Assert.Equal(Cancelled, await store.FindAsync(id));
            }
        );
    }

    [Fact]
    public void A_second_process_on_the_same_directory_is_refused_with_the_reason()
    {
        using var first = Open(seed: 1);
        var refusal = Assert.Throws<FixableException>(() => Open(seed: 1));
        Assert.Contains(Path.Combine(_root, "data"), refusal.Message, StringComparison.Ordinal);
        Assert.Contains("is used by", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_named()
    {
        File.WriteAllText(Path.Combine(_root, "data"), "a file");
        var refusal = Assert.Throws<FixableException>(() => Open(seed: 1));
        Assert.Contains(Path.Combine(_root, "data"), refusal.Message, StringComparison.Ordinal);
    }

    private TransactionStore Open(int? seed, double approvalProbability = 0.9, string name = "data") =>
        TransactionStore.Open(Path.Combine(_root, name), seed, approvalProbability, TimeProvider.System);
}
