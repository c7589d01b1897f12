using System.Diagnostics;
using Agora.Contracts.Products;
using Agora.Products.Processes;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// Five real processes of the products database, killed under load. The benchmark's campaign does the same for longer.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed class ProductsDatabaseTests
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_callers_see_is_linearizable_and_stock_is_conserved_whatever_is_killed()
    {
        using StringWriter output = new();
        var failures = await Failover.RunAsync(kills: 3, seed: null, output, CancellationToken);
        TestContext.Current.TestOutputHelper!.WriteLine(output.ToString());
        Assert.True(failures == 0, output.ToString());
    }

    [Fact]
    public async Task A_replica_whose_disk_is_full_says_so_and_ends_and_the_others_go_on()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess,
            "A small file system can be mounted by root on Linux only."
        );
        using ProductsGroup group = new();
        const int Full = 0;
        Directory.CreateDirectory(group.DataOf(Full));
        await RunAsync("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", group.DataOf(Full));
        try
        {
            await group.StartAsync(CancellationToken);
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

        Task<ProductsReply?[]> RegisterAsync() =>
            Task.WhenAll(
                Enumerable
                    .Range(0, 100)
                    .Select(_ =>
                        group.ExecuteAsync(
                            new ProductsCommand
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
                                    SearchKeywords =
                                    {
                                        Enumerable.Range(0, 16).Select(i => new string((char)('a' + i), 60)),
                                    },
                                },
                            },
                            TimeSpan.FromSeconds(30),
                            CancellationToken
                        )
                    )
            );
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync(CancellationToken);
        Assert.Equal(0, process.ExitCode);
    }
}
