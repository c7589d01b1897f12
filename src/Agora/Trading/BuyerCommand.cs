using System.CommandLine;
using System.Text.Json;
using Agora.Client;
using Agora.Commands;
using Agora.Contracts.Cluster;

namespace Agora.Trading;

/// <summary><c>agora buyer</c>: every function of a buyer, and a prompt.</summary>
public static class BuyerCommand
{
    /// <summary>The command, for the program's root command.</summary>
    public static Command Create() => Create(User.Current);

    internal static Command Create(User user) =>
        new BuyerTrade(user).Create("Buys: searches, fills a cart, pays, votes on what was bought");

    private sealed class BuyerTrade(User user) : Trade<BuyerClient>("buyer", user)
    {
        protected override BuyerClient Connect(ReplicaList servers) => new(servers);

        protected override ServerGroup ServersOf(ClusterFile cluster) => cluster.BuyerServers;

        protected override IEnumerable<Command> Functions()
        {
            Command cart = new("cart", "Shows and changes your cart (DisplayCart)")
            {
                ShowCart("show"), Add("add"), Remove("remove"), Save("save"), Clear("clear"),
            };
            cart.Action = cart.Subcommands[0].Action;
            return
            [
                .. AccountFunctions(), Search(), GetItem(), cart, Buy(), Rate(), SellerRating(), Purchases(),
                // The functions of the cart by their own names, too.
                Hidden(ShowCart("display-cart")), Hidden(Add("add-item-to-cart")), Hidden(Remove("remove-item-from-cart")),
                Hidden(Save("save-cart")), Hidden(Clear("clear-cart")),
            ];
        }

        protected override async Task<(long, string)> CreateAccountAsync(
            BuyerClient client, string name, string username, string password, string? key, CancellationToken cancel)
        {
            var created = await client.CreateAccountAsync(name, username, password, key, cancel);
            return (created.BuyerId, JsonSerializer.Serialize(created, AgoraJson.Default.BuyerCreated));
        }

        protected override async Task<(long, string, string)> LoginAsync(
            BuyerClient client, string username, string password, string? key, CancellationToken cancel)
        {
            var session = await client.LoginAsync(username, password, key, cancel);
            return (session.BuyerId, session.Token, JsonSerializer.Serialize(session, AgoraJson.Default.BuyerSession));
        }

        private Command Search()
        {
            Option<int> category = new("--category", "-c") { Description = "The category to look in", Required = true };
            Option<string[]> keywords = new("--keyword", "-k")
            {
                Description = "Up to 5; an item needs at least one of them",
                AllowMultipleArgumentsPerToken = true,
            };
            var limit = Limit();
            var cursor = Cursor();
            var search = Function("search", "Finds items for sale, best match first (SearchItemsForSale)", async call =>
            {
                var page = await call.LoggedIn.SearchItemsForSaleAsync(
                    call.Get(category), call.Get(keywords), call.Get(limit), call.Get(cursor), call.Cancel);
                return Shown.Of(page, AgoraJson.Default.ItemPage, Show.Items(page));
            }, changes: false, category, keywords, limit, cursor)
                .WithExamples("agora buyer search --category 3 --keyword red --keyword bike");
            search.Aliases.Add("search-items-for-sale");
            return search;
        }

        private Command GetItem()
        {
            var item = ItemId();
            var get = Function("item", "Shows an item (GetItem)", async call =>
            {
                var found = await call.LoggedIn.GetItemAsync(call.Get(item)!, call.Cancel);
                return Shown.Of(found, AgoraJson.Default.Item, Show.Item(found));
            }, changes: false, item)
                .WithExamples("agora buyer item 3-17");
            get.Aliases.Add("get-item");
            return get;
        }

        private Command ShowCart(string name) => Function(
            name, "Shows the cart (DisplayCart)",
            async call => Of(await call.LoggedIn.DisplayCartAsync(call.Cancel)));

        private Command Add(string name)
        {
            var item = ItemId();
            Argument<int> quantity = new("UNITS") { Description = "How many; 1 unless given", DefaultValueFactory = _ => 1 };
            return Function(
                name, "Puts units of an item into the cart (AddItemToCart)",
                async call => Of(await call.LoggedIn.AddItemToCartAsync(call.Get(item)!, call.Get(quantity), call.Key, call.Cancel)),
                changes: true, item, quantity)
                .WithExamples("agora buyer cart add 3-17 2");
        }

        private Command Remove(string name)
        {
            var item = ItemId();
            Argument<int?> quantity = new("UNITS") { Description = "How many; all unless given", Arity = ArgumentArity.ZeroOrOne };
            return Function(
                name, "Takes units of an item out of the cart (RemoveItemFromCart)",
                async call => Of(await call.LoggedIn.RemoveItemFromCartAsync(call.Get(item)!, call.Get(quantity), call.Key, call.Cancel)),
                changes: true, item, quantity)
                .WithExamples("agora buyer cart remove 3-17       all units of it", "agora buyer cart remove 3-17 1     one of them");
        }

        private Command Save(string name) => Function(
            name, "Keeps the cart for your later sessions (SaveCart)",
            async call => Of(await call.LoggedIn.SaveCartAsync(call.Key, call.Cancel)),
            changes: true);

        private Command Clear(string name) => Function(name, "Empties the cart (ClearCart)", async call =>
        {
            await call.LoggedIn.ClearCartAsync(call.Key, call.Cancel);
            return Shown.Done("The cart is empty.");
        }, changes: true);

        private Command Buy()
        {
            Option<string?> cardholder = new("--cardholder-name", "--cardholder") { Description = "As printed on the card; asked for when not given" };
            Option<string?> number = new("--card-number", "--card")
            {
                Description = "12 to 19 digits; better not given here, where others may see it: it is asked for",
            };
            Option<string?> expiration = new("--expiration-date", "--expires") { Description = "MM/YY; asked for when not given" };
            Option<string?> code = new("--security-code", "--code") { Description = "3 or 4 digits; asked for when not given" };
            var buy = Function("buy", "Buys the whole cart, or nothing (MakePurchase)", async call =>
            {
                var client = call.LoggedIn;
                var receipt = await client.MakePurchaseAsync(
                    new()
                    {
                        CardholderName = call.GetOrAsk(cardholder, "Name on the card"),
                        // People copy numbers in groups of four.
                        CardNumber = call.GetOrAsk(number, "Card number", secret: true).Replace(" ", "", StringComparison.Ordinal),
                        ExpirationDate = call.GetOrAsk(expiration, "Good to (MM/YY)"),
                        SecurityCode = call.GetOrAsk(code, "Security code", secret: true),
                    }, call.Key, call.Cancel);
                return Shown.Of(receipt, AgoraJson.Default.Receipt, Show.Receipt(receipt));
            }, changes: true, cardholder, number, expiration, code)
                .WithExamples(
                    "agora buyer buy",
                    "agora buyer buy --cardholder \"Bob B\" --card 4111111111111111 --expires 12/39 --code 123");
            buy.Aliases.Add("make-purchase");
            return buy;
        }

        private Command Rate()
        {
            var item = ItemId();
            Argument<Thumb> thumb = new("THUMB") { Description = "up or down" };
            thumb.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "up", "down");
            var rate = Function("rate", "Votes on an item, once for each purchase of it (ProvideFeedback)", async call =>
            {
                await call.LoggedIn.ProvideFeedbackAsync(call.Get(item)!, call.Get(thumb), call.Key, call.Cancel);
                return Shown.Done("Your vote counts.");
            }, changes: true, item, thumb)
                .WithExamples("agora buyer rate 3-17 up");
            rate.Aliases.Add("provide-feedback");
            return rate;
        }

        private Command SellerRating()
        {
            Argument<long> seller = new("SELLER") { Description = "The seller's id, as items show it" };
            var rating = Function("seller-rating", "Shows the votes on a seller's items (GetSellerRating)", async call =>
            {
                var votes = await call.LoggedIn.GetSellerRatingAsync(call.Get(seller), call.Cancel);
                return Shown.Of(votes, AgoraJson.Default.SellerRating, Show.Rating(votes));
            }, changes: false, seller);
            rating.Aliases.Add("get-seller-rating");
            return rating;
        }

        private Command Purchases()
        {
            var limit = Limit();
            var cursor = Cursor();
            var purchases = Function("purchases", "Shows what you have bought, newest first (GetBuyerPurchases)", async call =>
            {
                var page = await call.LoggedIn.GetBuyerPurchasesAsync(call.Get(limit), call.Get(cursor), call.Cancel);
                return Shown.Of(page, AgoraJson.Default.PurchasePage, Show.Purchases(page));
            }, changes: false, limit, cursor);
            purchases.Aliases.Add("get-buyer-purchases");
            return purchases;
        }

        private static Shown Of(Cart cart) => Shown.Of(cart, AgoraJson.Default.Cart, Show.Cart(cart));

        private static Command Hidden(Command command)
        {
            command.Hidden = true;
            return command;
        }
    }
}
