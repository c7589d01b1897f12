using System.Diagnostics;
using System.Globalization;
using Agora.Client;
using Agora.Cluster;
using Agora.Launcher;
using Agora.Rest;
using Agora.Trading;

namespace Agora.Commands;

/// <summary>One run of <c>agora seed</c>: the sellers first, several at once, then the buyers.</summary>
internal sealed class Seeding(ClusterFile cluster, Catalogue catalogue, int seed, string password)
{
    public const string DefaultPassword = "correct-horse";

    private const int MaxParallel = 8;
    private const int PurchasesOfEach = 5;

    private static readonly PurchaseRequest s_card = new()
    {
        CardNumber = "4242424242424242",
        ExpirationDate = "12/39",
        SecurityCode = "123",
    };

    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private int _items;
    private int _newItems;
    private int _purchases;
    private int _newPurchases;

    public int ItemsWanted => catalogue.Items.Count;

    public int PurchasesWanted => catalogue.Buyers.Count * PurchasesOfEach;

    public int ItemsDone => Volatile.Read(ref _items);

    public int PurchasesDone => Volatile.Read(ref _purchases);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        ParallelOptions several = new() { MaxDegreeOfParallelism = MaxParallel, CancellationToken = cancellationToken };
        await Parallel.ForAsync(
            0,
            catalogue.Sellers.Count,
            several,
            (i, cancellationToken) => new(SellAsync(i, cancellationToken))
        );
        await Parallel.ForAsync(
            0,
            catalogue.Buyers.Count,
            several,
            (i, cancellationToken) => new(BuyAsync(i, cancellationToken))
        );
    }

    public void WriteSummary(TextWriter output)
    {
        var shown = Catalogue.Categories[0];
        var example = catalogue.Items.FirstOrDefault(i => i.Category == shown.Number) ?? catalogue.Items[0];
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{ItemsWanted} items of {catalogue.Sellers.Count} sellers ({_newItems} new); "
                    + $"{_newPurchases} purchases by {catalogue.Buyers.Count} buyers; "
                    + $"after {Stopwatch.GetElapsedTime(_startedAt).TotalSeconds:0.0} s."
            )
        );
        output.WriteLine(
            "Categories: "
                + string.Join(
                    ", ",
                    Catalogue.Categories.Select(c =>
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{c.Number} {CategoryName.Of(cluster.Categories, c.Number)}"
                        )
                    )
                )
                + "."
        );
        output.WriteLine(
            $"""
            Look around as one of the buyers:
              agora buyer login --username {catalogue.Buyers[0].Username} --password {password}
              agora buyer search --category {example.Category} --keyword {example.Keywords![^1]}
              agora buyer purchases
            or as one of the sellers:
              agora seller login --username {catalogue.Sellers[0].Username} --password {password}
              agora seller items
            """
        );
        if (password == DefaultPassword)
        {
            output.WriteLine(
                "This password is public: if others can reach the marketplace, choose your own with --password."
            );
        }
    }

    private async Task SellAsync(int number, CancellationToken cancellationToken)
    {
        using SellerClient seller = new(cluster.AddressesOf(cluster.SellerServers), Options(number));
        await OpenAsync(catalogue.Sellers[number], seller.CreateAccountAsync, seller.LoginAsync, cancellationToken);
        Dictionary<(string?, int?), int> existing = [];
        string? cursor = null;
        do
        {
            var page = await seller.DisplayItemsForSaleAsync(200, cursor, cancellationToken);
            foreach (var item in page.Items)
            {
                existing[(item.Name, item.Category)] = existing.GetValueOrDefault((item.Name, item.Category)) + 1;
            }

            cursor = page.NextCursor;
        } while (cursor is not null);
        for (var i = number; i < catalogue.Items.Count; i += catalogue.Sellers.Count)
        {
            var item = catalogue.Items[i];
            if (existing.GetValueOrDefault((item.Name, item.Category)) is > 0 and int left)
            {
                existing[(item.Name, item.Category)] = left - 1;
            }
            else
            {
                await seller.RegisterItemForSaleAsync(item, cancellationToken: cancellationToken);
                Interlocked.Increment(ref _newItems);
            }

            Interlocked.Increment(ref _items);
        }

        await seller.LogoutAsync(cancellationToken: cancellationToken);
    }

    private async Task BuyAsync(int number, CancellationToken cancellationToken)
    {
        using BuyerClient buyer = new(cluster.AddressesOf(cluster.BuyerServers), Options(number));
        await OpenAsync(catalogue.Buyers[number], buyer.CreateAccountAsync, buyer.LoginAsync, cancellationToken);
        Random random = new(seed * 1000 + number);
        var existing = (await buyer.GetBuyerPurchasesAsync(200, cancellationToken: cancellationToken)).Purchases.Count;
        for (var i = 0; i < PurchasesOfEach; i++)
        {
            if (i >= existing)
            {
                await BuyOnceAsync(buyer, catalogue.Buyers[number].Name, random, cancellationToken);
            }

            Interlocked.Increment(ref _purchases);
        }

        await buyer.LogoutAsync(cancellationToken: cancellationToken);
    }

    // The bank may decline, or another buyer may take the last unit. Then this purchase is left out.
    private async Task BuyOnceAsync(BuyerClient buyer, string name, Random random, CancellationToken cancellationToken)
    {
        var category = Catalogue.Categories[random.Next(Catalogue.Categories.Count)].Number;
        var found = (
            await buyer.SearchItemsForSaleAsync(category, limit: 50, cancellationToken: cancellationToken)
        ).Items;
        Item[] chosen = [.. found.OrderBy(_ => random.Next()).Take(random.Next(1, 4))];
        if (chosen.Length == 0)
        {
            return;
        }

        try
        {
            decimal? total = null;
            foreach (var item in chosen)
            {
                total = (await buyer.AddItemToCartAsync(item.Id, 1, cancellationToken: cancellationToken)).Total;
            }

            await buyer.MakePurchaseAsync(
                s_card with
                {
                    CardholderName = name,
                    ExpectedTotal = total,
                },
                cancellationToken: cancellationToken
            );
            Interlocked.Increment(ref _newPurchases);
            foreach (var item in chosen.Where(_ => random.Next(10) < 6))
            {
                await buyer.ProvideFeedbackAsync(
                    item.Id,
                    random.Next(10) < 8 ? Thumb.Up : Thumb.Down,
                    cancellationToken: cancellationToken
                );
            }
        }
        catch (AgoraException e)
            when (e.Code is ErrorCodes.PaymentDeclined or ErrorCodes.NotEnoughUnits or ErrorCodes.PurchaseAbandoned)
        {
            await buyer.ClearCartAsync(cancellationToken: cancellationToken);
        }
    }

    private async Task OpenAsync<TCreated, TSession>(
        Catalogue.Person person,
        Func<string, string, string, string?, CancellationToken, Task<TCreated>> create,
        Func<string, string, string?, CancellationToken, Task<TSession>> login,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await create(person.Name, person.Username, password, null, cancellationToken);
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.UsernameTaken)
        {
            // The account is from an earlier run.
        }

        try
        {
            await login(person.Username, password, null, cancellationToken);
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
        {
            throw new CommandFailedException(
                $"the account {person.Username} exists and has another password: "
                    + "give it with --password, or choose another --seed",
                e
            );
        }
    }

    private ReplicaOptions Options(int number) => new() { Start = number, Authority = cluster.Https?.Authority };
}
