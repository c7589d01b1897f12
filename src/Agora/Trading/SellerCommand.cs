using System.CommandLine;
using System.Text.Json;
using Agora.Client;
using Agora.Cluster;
using Agora.Commands;
using Agora.Rest;

namespace Agora.Trading;

/// <summary><c>agora seller</c>: every function of a seller, and a prompt.</summary>
public static class SellerCommand
{
    /// <summary>The command, for the program's root command.</summary>
    public static Command Create() => Create(User.Current);

    internal static Command Create(User user) =>
        new SellerTrade(user).Create(
            "Sells: puts items up for sale, changes them, shows them and their seller's rating"
        );

    private sealed class SellerTrade(User user) : Trade<SellerClient>("seller", user)
    {
        protected override SellerClient Connect(ReplicaList servers) => new(servers);

        protected override ServerGroup ServersOf(ClusterFile cluster) => cluster.SellerServers;

        protected override IEnumerable<Command> Functions() =>
            [
                .. AccountFunctions(),
                Account(),
                Sell(),
                Items(),
                GetItem(),
                SetPrice(),
                AddUnits(),
                Withdraw(),
                Sales(),
                Rating(),
            ];

        protected override async Task<(long, string)> CreateAccountAsync(
            SellerClient client,
            string name,
            string username,
            string password,
            string? key,
            CancellationToken cancellationToken
        )
        {
            var created = await client.CreateAccountAsync(name, username, password, key, cancellationToken);
            return (created.SellerId, JsonSerializer.Serialize(created, AgoraJson.Default.SellerCreated));
        }

        protected override async Task<(long, string, string)> LoginAsync(
            SellerClient client,
            string username,
            string password,
            string? key,
            CancellationToken cancellationToken
        )
        {
            var session = await client.LoginAsync(username, password, key, cancellationToken);
            return (
                session.SellerId,
                session.Token,
                JsonSerializer.Serialize(session, AgoraJson.Default.SellerSession)
            );
        }

        private Command Sell()
        {
            Option<string?> name = new("--name", "-n") { Description = "1 to 32 characters", Required = true };
            Option<int?> category = new("--category", "-c")
            {
                Description = "0 or more",
                Required = true,
                CustomParser = Numbers.OptionalInt,
            };
            Option<string[]> keywords = new("--keyword", "-k")
            {
                Description = "Up to 5, each 1 to 8 characters",
                AllowMultipleArgumentsPerToken = true,
            };
            Option<ItemCondition> condition = new("--condition") { Description = "new or used; new by default" };
            condition.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "new", "used");
            Option<decimal?> price = new("--price")
            {
                Description = "What a unit costs, like 12.50",
                Required = true,
                CustomParser = Numbers.Money,
            };
            Option<int?> quantity = new("--quantity", "-q")
            {
                Description = "Units for sale; 1 by default",
                DefaultValueFactory = _ => 1,
                CustomParser = Numbers.OptionalInt,
            };
            var sell = Function(
                    "sell",
                    "Puts an item up for sale (RegisterItemForSale)",
                    async call =>
                    {
                        var registered = await call.LoggedIn.RegisterItemForSaleAsync(
                            new()
                            {
                                Name = call.Get(name),
                                Category = call.Get(category),
                                Keywords = call.Get(keywords) ?? [],
                                Condition = call.Get(condition),
                                Price = call.Get(price),
                                Quantity = call.Get(quantity),
                            },
                            call.Key,
                            call.CancellationToken
                        );
                        return TradeResult.Of(
                            registered,
                            AgoraJson.Default.ItemRegistered,
                            Layouts.Line($"Item {registered.ItemId} is for sale.")
                        );
                    },
                    changes: true,
                    name,
                    category,
                    keywords,
                    condition,
                    price,
                    quantity
                )
                .WithExamples(
                    "agora seller sell --name \"Red bike\" --category 3 --keyword red bike --condition used "
                        + "--price 120 --quantity 1"
                );
            sell.Aliases.Add("register-item-for-sale");
            return sell;
        }

        private Command Items()
        {
            var limit = Limit();
            var cursor = Cursor();
            var items = Function(
                    "items",
                    "Shows your items, sold out ones included (DisplayItemsForSale)",
                    async call =>
                    {
                        var page = await call.LoggedIn.DisplayItemsForSaleAsync(
                            call.Get(limit),
                            call.Get(cursor),
                            call.CancellationToken
                        );
                        return TradeResult.Of(page, AgoraJson.Default.ItemPage, Layouts.Items(page));
                    },
                    changes: false,
                    limit,
                    cursor
                )
                .WithExamples("agora seller items", "agora seller items --limit 10 --cursor CURSOR     the next page");
            items.Aliases.Add("display-items-for-sale");
            return items;
        }

        private Command SetPrice()
        {
            var item = ItemId();
            Argument<decimal?> price = new("PRICE")
            {
                Description = "What a unit costs from now on, like 12.50",
                CustomParser = Numbers.Money,
            };
            var set = Function(
                    "set-price",
                    "Changes what an item costs (ChangeItemPrice)",
                    async call =>
                    {
                        var changed = await call.LoggedIn.ChangeItemPriceAsync(
                            call.Get(item)!,
                            call.Get(price)!.Value,
                            call.Key,
                            call.CancellationToken
                        );
                        return TradeResult.Of(changed, AgoraJson.Default.Item, Layouts.Item(changed));
                    },
                    changes: true,
                    item,
                    price
                )
                .WithExamples("agora seller set-price 3-17 99.90");
            set.Aliases.Add("change-item-price");
            return set;
        }

        private Command Withdraw()
        {
            var item = ItemId();
            Argument<int> quantity = new("UNITS")
            {
                Description = "How many units to take off sale",
                CustomParser = Numbers.Int,
            };
            var withdraw = Function(
                    "withdraw",
                    "Takes units of an item off sale (UpdateUnitsForSale)",
                    async call =>
                    {
                        var changed = await call.LoggedIn.UpdateUnitsForSaleAsync(
                            call.Get(item)!,
                            call.Get(quantity),
                            call.Key,
                            call.CancellationToken
                        );
                        return TradeResult.Of(changed, AgoraJson.Default.Item, Layouts.Item(changed));
                    },
                    changes: true,
                    item,
                    quantity
                )
                .WithExamples("agora seller withdraw 3-17 2");
            withdraw.Aliases.Add("update-units-for-sale");
            return withdraw;
        }

        private Command AddUnits()
        {
            var item = ItemId();
            Argument<int> quantity = new("UNITS")
            {
                Description = "How many more units to put on sale",
                CustomParser = Numbers.Int,
            };
            return Function(
                    "add-units",
                    "Puts more units of an item on sale (UpdateUnitsForSale)",
                    async call =>
                    {
                        var changed = await call.LoggedIn.AddUnitsForSaleAsync(
                            call.Get(item)!,
                            call.Get(quantity),
                            call.Key,
                            call.CancellationToken
                        );
                        return TradeResult.Of(changed, AgoraJson.Default.Item, Layouts.Item(changed));
                    },
                    changes: true,
                    item,
                    quantity
                )
                .WithExamples("agora seller add-units 3-17 5");
        }

        private Command GetItem()
        {
            var item = ItemId();
            return Function(
                    "item",
                    "Shows an item",
                    async call =>
                    {
                        var found = await call.LoggedIn.GetItemAsync(call.Get(item)!, call.CancellationToken);
                        return TradeResult.Of(found, AgoraJson.Default.Item, Layouts.Item(found));
                    },
                    changes: false,
                    item
                )
                .WithExamples("agora seller item 3-17");
        }

        private Command Account() =>
            Function(
                    "account",
                    "Shows your account: id, name, units sold, votes",
                    async call =>
                    {
                        var account = await call.LoggedIn.GetAccountAsync(call.CancellationToken);
                        return TradeResult.Of(account, AgoraJson.Default.SellerAccount, Layouts.Account(account));
                    },
                    changes: false
                )
                .WithExamples("agora seller account");

        private Command Sales()
        {
            var limit = Limit();
            var cursor = Cursor();
            return Function(
                    "sales",
                    "Shows what buyers have bought of your items, newest first",
                    async call =>
                    {
                        var page = await call.LoggedIn.GetSalesAsync(
                            call.Get(limit),
                            call.Get(cursor),
                            call.CancellationToken
                        );
                        return TradeResult.Of(page, AgoraJson.Default.SalePage, Layouts.Sales(page));
                    },
                    changes: false,
                    limit,
                    cursor
                )
                .WithExamples("agora seller sales --limit 10");
        }

        private Command Rating()
        {
            var rating = Function(
                    "rating",
                    "Shows how buyers have voted on your items (GetSellerRating)",
                    async call =>
                    {
                        var votes = await call.LoggedIn.GetSellerRatingAsync(call.CancellationToken);
                        return TradeResult.Of(votes, AgoraJson.Default.SellerRating, Layouts.Rating(votes));
                    },
                    changes: false
                )
                .WithExamples("agora seller rating");
            rating.Aliases.Add("get-seller-rating");
            return rating;
        }
    }
}
