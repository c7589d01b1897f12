using System.CommandLine;
using System.Globalization;
using Agora.Client;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Trading;
using Spectre.Console;

namespace Agora.Commands;

/// <summary>
/// <c>agora seed</c>: fills a marketplace through the public REST API, so that there is something to look at. A second
/// run finds what exists and adds only what is missing.
/// </summary>
internal static class SeedCommand
{
    private const int MaxItems = 100_000;

    public static Command Create()
    {
        Option<int> items = new("--items")
        {
            Description = "How many items",
            HelpName = "N",
            DefaultValueFactory = _ => 1000,
        };
        Option<int> seed = new("--seed")
        {
            Description = "Another seed makes up other items and people; the same seed adds only what is missing",
            HelpName = "S",
            DefaultValueFactory = _ => 1,
        };
        Option<string> password = new("--password")
        {
            Description = "The password of all accounts; choose your own if others can reach the marketplace",
            HelpName = "PASSWORD",
            DefaultValueFactory = _ => Seeding.DefaultPassword,
        };
        var cluster = SharedOptions.Cluster();
        items.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MaxItems)
            {
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"--items must be from 1 to {MaxItems}."));
            }
        });
        Command command = new(
            "seed",
            "Fill the marketplace with a believable catalogue, sellers, buyers, some purchases and votes"
        )
        {
            items,
            seed,
            password,
            cluster,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                Catalogue catalogue = new(parse.GetValue(seed), parse.GetValue(items));
                Seeding seeding = new(
                    ClusterFile.Resolve(parse.GetValue(cluster)),
                    catalogue,
                    parse.GetValue(seed),
                    parse.GetValue(password)!
                );
                try
                {
                    await ShowAsync(seeding, seeding.RunAsync(cancellationToken));
                }
                catch (AgoraException e)
                {
                    throw new CommandFailedException(
                        $"{e.Code}: {e.Detail}{(e.Status == 0 ? " Is the marketplace up? See: agora status" : "")}",
                        e
                    );
                }

                seeding.WriteSummary(Console.Out);
                return 0;
            }
        );
        return command.WithExamples("agora seed", "agora seed --items 20000 --seed 7");
    }

    private static async Task ShowAsync(Seeding seeding, Task work)
    {
        if (!AnsiConsole.Profile.Capabilities.Interactive || Console.IsOutputRedirected)
        {
            await work;
            return;
        }

        await AnsiConsole
            .Progress()
            .AutoClear(true)
            .StartAsync(async progress =>
            {
                ProgressTask items = progress.AddTask("items", maxValue: seeding.ItemsWanted),
                    purchases = progress.AddTask("purchases", maxValue: seeding.PurchasesWanted);
                while (await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(200))) != work)
                {
                    (items.Value, purchases.Value) = (seeding.ItemsDone, seeding.PurchasesDone);
                }
            });
        await work;
    }
}
