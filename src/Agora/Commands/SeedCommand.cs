using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Agora.Client;
using Agora.Contracts.Cluster;
using Agora.Launcher;
using Agora.Trading;
using Spectre.Console;

namespace Agora.Commands;

/// <summary>
/// <c>agora seed</c>: fills a marketplace through the same REST calls as everybody's, so that there is something to look at. Run again it finds
/// what is there and adds only what is missing.
/// </summary>
internal static class SeedCommand
{
    private const string DefaultPassword = "correct-horse";
    private const int AtOnce = 8;
    private const int MostItems = 100_000;

    private static readonly PurchaseRequest s_card = new() { CardNumber = "4242424242424242", ExpirationDate = "12/39", SecurityCode = "123" };

    public static Command Create()
    {
        Option<int> items = new("--items") { Description = "How many items", HelpName = "N", DefaultValueFactory = _ => 1000 };
        Option<int> seed = new("--seed") { Description = "Makes up other things and people; the same seed adds only what is missing", HelpName = "S", DefaultValueFactory = _ => 1 };
        Option<string> password = new("--password")
        {
            Description = "Of all accounts that it makes; give one of your own where others can reach the marketplace",
            HelpName = "PASSWORD",
            DefaultValueFactory = _ => DefaultPassword,
        };
        Option<string?> cluster = SharedOptions.Cluster();
        items.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MostItems)
            {
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"--items must be from 1 to {MostItems}."));
            }
        });
        Command command = new("seed", "Fill the marketplace with a believable catalogue, sellers, buyers, some purchases and votes") { items, seed, password, cluster };
        command.SetAction(async (parse, cancel) =>
        {
            Catalogue catalogue = new(parse.GetValue(seed), parse.GetValue(items));
            Seeding seeding = new(ClusterFile.Resolve(parse.GetValue(cluster)), catalogue, parse.GetValue(seed), parse.GetValue(password)!);
            try
            {
                await ShowAsync(seeding, seeding.RunAsync(cancel));
            }
            catch (AgoraException e)
            {
                throw new CommandFailedException($"{e.Code}: {e.Detail}{(e.Status == 0 ? " Is the marketplace up? See: agora status" : "")}", e);
            }
            seeding.Tell(Console.Out);
            return 0;
        });
        return command.WithExamples("agora seed", "agora seed --items 20000 --seed 7");
    }

    private static async Task ShowAsync(Seeding seeding, Task work)
    {
        if (!AnsiConsole.Profile.Capabilities.Interactive || Console.IsOutputRedirected)
        {
            await work;
            return;
        }
        await AnsiConsole.Progress().AutoClear(true).StartAsync(async progress =>
        {
            ProgressTask items = progress.AddTask("items", maxValue: seeding.ItemsWanted), purchases = progress.AddTask("purchases", maxValue: seeding.PurchasesWanted);
            while (await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(200))) != work)
            {
                (items.Value, purchases.Value) = (seeding.ItemsDone, seeding.PurchasesDone);
            }
        });
        await work;
    }

    /// <summary>One run: the sellers first, several at once, then the buyers.</summary>
    private sealed class Seeding(ClusterFile cluster, Catalogue catalogue, int seed, string password)
    {
        private const int PurchasesOfEach = 5;

        private readonly long _startedAt = Stopwatch.GetTimestamp();
        private int _items;
        private int _newItems;
        private int _purchases;
        private int _newPurchases;

        public int ItemsWanted => catalogue.Items.Count;

        public int PurchasesWanted => catalogue.Buyers.Count * PurchasesOfEach;

        public int ItemsDone => Volatile.Read(ref _items);

        public int PurchasesDone => Volatile.Read(ref _purchases);

        public async Task RunAsync(CancellationToken cancel)
        {
            ParallelOptions several = new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel };
            await Parallel.ForAsync(0, catalogue.Sellers.Count, several, async (i, token) => await SellAsync(i, token));
            await Parallel.ForAsync(0, catalogue.Buyers.Count, several, async (i, token) => await BuyAsync(i, token));
        }

        public void Tell(TextWriter output)
        {
            Catalogue.Category shown = Catalogue.Categories[0];
            RegisterItemRequest example = catalogue.Items.FirstOrDefault(i => i.Category == shown.Number) ?? catalogue.Items[0];
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{ItemsWanted} items of {catalogue.Sellers.Count} sellers ({_newItems} new); {_newPurchases} purchases by {catalogue.Buyers.Count} buyers; after {Stopwatch.GetElapsedTime(_startedAt).TotalSeconds:0.0} s."));
            output.WriteLine("Categories: " + string.Join(", ", Catalogue.Categories.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Number} {c.Name}"))) + ".");
            output.WriteLine($"""
                Look around as one of the buyers:
                  agora buyer login --username {catalogue.Buyers[0].Username} --password {password}
                  agora buyer search --category {example.Category} --keyword {example.Keywords![^1]}
                  agora buyer purchases
                or as one of the sellers:
                  agora seller login --username {catalogue.Sellers[0].Username} --password {password}
                  agora seller items
                """);
            if (password == DefaultPassword)
            {
                output.WriteLine("Everybody knows this password: where others can reach the marketplace, give --password one of your own.");
            }
        }

        private async Task SellAsync(int number, CancellationToken cancel)
        {
            using SellerClient seller = new(cluster.AddressesOf(cluster.SellerServers), Options(number));
            await OpenAsync(catalogue.Sellers[number], seller.CreateAccountAsync, seller.LoginAsync, cancel);
            Dictionary<(string?, int?), int> there = [];
            string? cursor = null;
            do
            {
                ItemPage page = await seller.DisplayItemsForSaleAsync(200, cursor, cancel);
                foreach (Item item in page.Items)
                {
                    there[(item.Name, item.Category)] = there.GetValueOrDefault((item.Name, item.Category)) + 1;
                }
                cursor = page.NextCursor;
            }
            while (cursor is not null);
            for (int i = number; i < catalogue.Items.Count; i += catalogue.Sellers.Count)
            {
                RegisterItemRequest item = catalogue.Items[i];
                if (there.GetValueOrDefault((item.Name, item.Category)) is > 0 and int left)
                {
                    there[(item.Name, item.Category)] = left - 1;
                }
                else
                {
                    await seller.RegisterItemForSaleAsync(item, cancel: cancel);
                    Interlocked.Increment(ref _newItems);
                }
                Interlocked.Increment(ref _items);
            }
            await seller.LogoutAsync(cancel: cancel);
        }

        private async Task BuyAsync(int number, CancellationToken cancel)
        {
            using BuyerClient buyer = new(cluster.AddressesOf(cluster.BuyerServers), Options(number));
            await OpenAsync(catalogue.Buyers[number], buyer.CreateAccountAsync, buyer.LoginAsync, cancel);
            Random random = new(seed * 1000 + number);
            int there = (await buyer.GetBuyerPurchasesAsync(200, cancel: cancel)).Purchases.Count;
            for (int i = 0; i < PurchasesOfEach; i++)
            {
                if (i >= there)
                {
                    await BuyOnceAsync(buyer, catalogue.Buyers[number].Name, random, cancel);
                }
                Interlocked.Increment(ref _purchases);
            }
            await buyer.LogoutAsync(cancel: cancel);
        }

        // The bank may decline, and somebody may be quicker with the last unit: then this purchase is left out, as in life.
        private async Task BuyOnceAsync(BuyerClient buyer, string name, Random random, CancellationToken cancel)
        {
            int category = Catalogue.Categories[random.Next(Catalogue.Categories.Count)].Number;
            IReadOnlyList<Item> found = (await buyer.SearchItemsForSaleAsync(category, limit: 50, cancel: cancel)).Items;
            Item[] chosen = [.. found.OrderBy(_ => random.Next()).Take(random.Next(1, 4))];
            if (chosen.Length == 0)
            {
                return;
            }
            try
            {
                decimal? total = null;
                foreach (Item item in chosen)
                {
                    total = (await buyer.AddItemToCartAsync(item.Id, 1, cancel: cancel)).Total;
                }
                await buyer.MakePurchaseAsync(s_card with { CardholderName = name, ExpectedTotal = total }, cancel: cancel);
                Interlocked.Increment(ref _newPurchases);
                foreach (Item item in chosen.Where(_ => random.Next(10) < 6))
                {
                    await buyer.ProvideFeedbackAsync(item.Id, random.Next(10) < 8 ? Thumb.Up : Thumb.Down, cancel: cancel);
                }
            }
            catch (AgoraException e) when (e.Code is ErrorCodes.PaymentDeclined or ErrorCodes.NotEnoughUnits or ErrorCodes.PurchaseAbandoned)
            {
                await buyer.ClearCartAsync(cancel: cancel);
            }
        }

        private async Task OpenAsync<TCreated, TSession>(
            Catalogue.Person person, Func<string, string, string, string?, CancellationToken, Task<TCreated>> create,
            Func<string, string, string?, CancellationToken, Task<TSession>> login, CancellationToken cancel)
        {
            try
            {
                await create(person.Name, person.Username, password, null, cancel);
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.UsernameTaken)
            {
                // From an earlier run.
            }
            try
            {
                await login(person.Username, password, null, cancel);
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
            {
                throw new CommandFailedException($"the account {person.Username} is there already and has another password: give it with --password, or another --seed", e);
            }
        }

        private ReplicaOptions Options(int number) => new() { Start = number, Authority = cluster.Https?.Authority };
    }
}
