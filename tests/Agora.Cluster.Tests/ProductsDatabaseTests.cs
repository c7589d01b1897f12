using System.Diagnostics;
using Agora.Contracts.Products;
using CsCheck;
using Products.Bench;
using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>Five real processes of the products database, killed under load. The benchmark's campaign does the same at length.</summary>
[Collection(Marketplace.OneAtATime)]
public sealed class ProductsDatabaseTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_callers_see_is_linearizable_and_stock_is_conserved_whoever_is_killed()
    {
        using StringWriter output = new();
        var failures = await Failover.RunAsync(kills: 3, seed: null, output, Cancelled);
        TestContext.Current.TestOutputHelper!.WriteLine(output.ToString());
        Assert.True(failures == 0, output.ToString());
    }

    [Fact]
    public async Task A_replica_whose_disk_is_full_says_so_and_ends_and_the_others_go_on()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "A small file system can be mounted by root on Linux only.");
        using ProductsGroup group = new();
        const int Full = 0;
        Directory.CreateDirectory(group.DataOf(Full));
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", group.DataOf(Full));
        try
        {
            await group.StartAsync(Cancelled);
            while (group.Runs(Full))
            {
                Assert.All(await RegisterAsync(), Assert.NotNull);
            }

            Assert.Matches("(?i)space|full", group.LastLines(Full));
            Assert.All(await RegisterAsync(), Assert.NotNull);
        }
        finally
        {
            group.Processes.Stop();
            await RunAsync("umount", group.DataOf(Full));
        }

        Task<Reply?[]> RegisterAsync() => Task.WhenAll(Enumerable.Range(0, 100).Select(_ => group.ExecuteAsync(
            new Command
            {
                RegisterItem = new RegisterItem
                {
                    SellerId = 1,
                    Category = 1,
                    Condition = Condition.New,
                    PriceCents = 1,
                    Quantity = 1,
                    Name = new string('n', 250),
                    Keywords = { Enumerable.Range(0, 16).Select(i => new string((char)('a' + i), 60)) },
                },
            },
            TimeSpan.FromSeconds(30), Cancelled)));
    }

    [Fact]
    public void A_history_that_one_register_could_have_produced_is_linearizable() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[0, 1_000_000]).Sample(
            (callers, seed) => Assert.True(Linearizability.Holds(Simulate(callers, new Random(seed)), 0)), iter: 50);

    [Fact]
    public void A_read_of_a_value_that_was_overwritten_before_it_began_is_not_linearizable()
    {
        List<Operation> history = [new(true, 1, 0, 10), new(true, 2, 11, 20), new(false, 2, 15, 30), new(false, 1, 21, 30)];
        Assert.False(Linearizability.Holds(history, 0));
        Assert.True(Linearizability.Holds(history[..3], 0));
    }

    [Fact]
    public void Two_reads_that_see_two_writes_in_different_orders_are_not_linearizable() => Assert.False(Linearizability.Holds(
        [new(true, 1, 0, 100), new(true, 2, 0, 100), new(false, 1, 10, 20), new(false, 2, 30, 40), new(false, 1, 50, 60)], 0));

    [Fact]
    public void A_write_that_was_never_answered_may_have_happened_at_any_time_since_or_never()
    {
        Operation unanswered = new(true, 1, 0, long.MaxValue);
        Assert.True(Linearizability.Holds([unanswered, new(false, 0, 10, 20)], 0));
        Assert.True(Linearizability.Holds([unanswered, new(false, 0, 10, 20), new(false, 1, 30, 40)], 0));
        Assert.False(Linearizability.Holds([unanswered, new(false, 1, 10, 20), new(false, 0, 30, 40)], 0));
    }

    // Each call takes effect at one moment between its beginning and its end.
    private static List<Operation> Simulate(int callers, Random random)
    {
        var (register, written) = (0L, 0L);
        var moments = Enumerable.Range(0, callers * 20)
            .SelectMany(call => Enumerable.Range(0, 3).Select(part => (Call: call, Part: part, At: ((call / callers) * 100) + (part * 100 / 3) + random.Next(40))))
            .OrderBy(m => m.At);
        Dictionary<int, (bool Write, long Value, long Begun)> open = [];
        List<Operation> history = [];
        var now = 0L;
        foreach (var (call, part, _) in moments)
        {
            now++;
            if (part == 0)
            {
                open[call] = (random.Next(2) == 0, 0, now);
            }
            else if (part == 1 && open.TryGetValue(call, out var begun))
            {
                register = begun.Write ? ++written : register;
                open[call] = begun with { Value = register };
            }
            else if (open.Remove(call, out var ended) && ended.Value > 0)
            {
                history.Add(new Operation(ended.Write, ended.Value, ended.Begun, now));
            }
        }

        return history;
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync(Cancelled);
        Assert.Equal(0, process.ExitCode);
    }
}
