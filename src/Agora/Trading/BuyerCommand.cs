using System.CommandLine;
using System.Text.Json;
using Agora.Client;
using Agora.Cluster;
using Agora.Commands;
using Agora.Rest;

namespace Agora.Trading;

/// <summary><c>agora buyer</c>: every function of a buyer, and a prompt.</summary>
public static class BuyerCommand
{
    /// <summary>The command, for the program's root command.</summary>
    public static Command Create() => Create(User.Current);

    internal static Command Create(User user) =>
        new BuyerTrade(user).Create("Buys: searches, fills a cart, pays, votes on what was bought");

    /// <summary>The buyer did not agree to a total; nothing was sent.</summary>
    private const string NotAgreed = "not-agreed";

    private sealed class BuyerTrade(User user) : Trade<BuyerClient>("buyer", user)
    {
        protected override BuyerClient Connect(ReplicaList servers) => new(servers);

        protected override ServerGroup ServersOf(ClusterFile cluster) => cluster.BuyerServers;

        protected override IEnumerable<Command> Functions()
        {
            Command cart = new("cart", "Shows and changes your cart (DisplayCart)")
            {
                ShowCart("show"),
                Add("add"),
                Remove("remove"),
                Save("save"),
                Clear("clear"),
            };
            cart.Action = cart.Subcommands[0].Action;
            cart.WithExamples("agora buyer cart", "agora buyer cart add 3-17 2");
            return
            [
                .. AccountFunctions(),
                Account(),
                Search(),
                GetItem(),
                cart,
                Buy(),
                Rate(),
                Seller(),
                SellerRating(),
                ItemsOf(),
                Purchases(),
                Purchase(),
                // The functions of the cart, also by their own names.
                Hidden(ShowCart("display-cart")),
                Hidden(Add("add-item-to-cart")),
                Hidden(Remove("remove-item-from-cart")),
                Hidden(Save("save-cart")),
                Hidden(Clear("clear-cart")),
            ];
        }

        protected override async Task<(long, string)> CreateAccountAsync(
            BuyerClient client,
            string name,
            string username,
            string password,
            string? key,
            CancellationToken cancellationToken
        )
        {
            var created = await client.CreateAccountAsync(name, username, password, key, cancellationToken);
            return (created.BuyerId, JsonSerializer.Serialize(created, AgoraJson.Default.BuyerCreated));
        }

        protected override async Task<(long, string, string)> LoginAsync(
            BuyerClient client,
            string username,
            string password,
            string? key,
            CancellationToken cancellationToken
        )
        {
            var session = await client.LoginAsync(username, password, key, cancellationToken);
            return (session.BuyerId, session.Token, JsonSerializer.Serialize(session, AgoraJson.Default.BuyerSession));
        }

        private Command Search()
        {
            Option<int> category = new("--category", "-c")
            {
                Description = "The category to look in",
                Required = true,
                CustomParser = Numbers.Int,
            };
            Option<string[]> keywords = new("--keyword", "-k")
            {
                Description = "Up to 5; an item needs at least one of them",
                AllowMultipleArgumentsPerToken = true,
            };
            var limit = Limit();
            var cursor = Cursor();
            var search = Function(
                    "search",
                    "Finds items for sale, best match first (SearchItemsForSale)",
                    async call =>
                    {
                        var page = await call.AsVisitorAsync(client =>
                            client.SearchItemsForSaleAsync(
                                call.Get(category),
                                call.Get(keywords),
                                call.Get(limit),
                                call.Get(cursor),
                                call.CancellationToken
                            )
                        );
                        return TradeResult.Of(page, AgoraJson.Default.ItemPage, Layouts.Items(page));
                    },
                    changes: false,
                    category,
                    keywords,
                    limit,
                    cursor
                )
                .WithExamples("agora buyer search --category 3 --keyword red --keyword bike");
            search.Aliases.Add("search-items-for-sale");
            return search;
        }

        private Command GetItem()
        {
            var item = ItemId();
            var get = Function(
                    "item",
                    "Shows an item (GetItem)",
                    async call =>
                    {
                        var found = await call.AsVisitorAsync(client =>
                            client.GetItemAsync(call.Get(item)!, call.CancellationToken)
                        );
                        return TradeResult.Of(found, AgoraJson.Default.Item, Layouts.Item(found));
                    },
                    changes: false,
                    item
                )
                .WithExamples("agora buyer item 3-17");
            get.Aliases.Add("get-item");
            return get;
        }

        private Command ShowCart(string name) =>
            Function(
                    name,
                    "Shows the cart (DisplayCart)",
                    async call => Of(await call.LoggedIn.DisplayCartAsync(call.CancellationToken)),
                    changes: false
                )
                .WithExamples("agora buyer cart");

        private Command Add(string name)
        {
            var item = ItemId();
            Argument<int> quantity = new("UNITS")
            {
                Description = "How many; 1 by default",
                DefaultValueFactory = _ => 1,
                CustomParser = Numbers.Int,
            };
            return Function(
                    name,
                    "Puts units of an item into the cart (AddItemToCart)",
                    async call =>
                        Of(
                            await call.LoggedIn.AddItemToCartAsync(
                                call.Get(item)!,
                                call.Get(quantity),
                                call.Key,
                                call.CancellationToken
                            )
                        ),
                    changes: true,
                    item,
                    quantity
                )
                .WithExamples("agora buyer cart add 3-17 2");
        }

        private Command Remove(string name)
        {
            var item = ItemId();
            Argument<int?> quantity = new("UNITS")
            {
                Description = "How many; all by default",
                Arity = ArgumentArity.ZeroOrOne,
                CustomParser = Numbers.OptionalInt,
            };
            return Function(
                    name,
                    "Takes units of an item out of the cart (RemoveItemFromCart)",
                    async call =>
                    {
                        var id = call.Get(item)!;
                        try
                        {
                            var units = call.Get(quantity);
                            return Of(
                                await call.LoggedIn.RemoveItemFromCartAsync(id, units, call.Key, call.CancellationToken)
                            );
                        }
                        catch (AgoraException e) when (e.Code == ErrorCodes.NotInCart)
                        {
                            var detail = $"The cart does not hold {id}. What it holds: {call.Spelled("cart")}";
                            throw new AgoraException(e.Code, detail, e.Status, e);
                        }
                    },
                    changes: true,
                    item,
                    quantity
                )
                .WithExamples(
                    "agora buyer cart remove 3-17       all units of it",
                    "agora buyer cart remove 3-17 1     one of them"
                );
        }

        private Command Save(string name) =>
            Function(
                    name,
                    "Saves the cart for your later sessions (SaveCart)",
                    async call => Of(await call.LoggedIn.SaveCartAsync(call.Key, call.CancellationToken)),
                    changes: true
                )
                .WithExamples("agora buyer cart save");

        private Command Clear(string name) =>
            Function(
                    name,
                    "Empties the cart (ClearCart)",
                    async call =>
                    {
                        await call.LoggedIn.ClearCartAsync(call.Key, call.CancellationToken);
                        return TradeResult.Done("The cart is empty.");
                    },
                    changes: true
                )
                .WithExamples("agora buyer cart clear");

        private Command Buy()
        {
            CardOptions card = new();
            Option<decimal?> total = new("--total")
            {
                Description = "The total that you agree to, like 199.80; anything else is refused and costs nothing",
                HelpName = "AMOUNT",
                CustomParser = Numbers.Money,
            };
            Option<bool> yes = new("--yes", "-y")
            {
                Description = "Agrees to the total of the cart as it is when the command runs, without asking",
            };
            var buy = card.AddTo(
                    Function(
                        "buy",
                        "Buys the whole cart, or nothing (MakePurchase)",
                        async call =>
                        {
                            var client = call.LoggedIn;
                            call.ExpectedTotal = call.Get(total) ?? await AgreeAsync(call, call.Get(yes));
                            var request = await card.ReadAsync(call);
                            request = request with { ExpectedTotal = call.ExpectedTotal };
                            var receipt = await client.MakePurchaseAsync(request, call.Key, call.CancellationToken);
                            return TradeResult.Of(receipt, AgoraJson.Default.Receipt, Layouts.Receipt(receipt));
                        },
                        changes: true,
                        total,
                        yes
                    )
                )
                .WithExamples(
                    "agora buyer buy                                     shows the cart, asks for consent and the card",
                    "agora buyer buy --total 199.80 --card-stdin < FILE  in a script: for this total only",
                    "agora buyer buy --yes --card-file FILE              for whatever the cart costs now"
                );
            buy.Aliases.Add("make-purchase");
            buy.Validators.Add(result =>
            {
                // A repeat must be the same request. Once the cart has been bought, its total can no longer be read.
                if (result.GetValue(Key) is not null && result.GetResult(total) is null or { Implicit: true })
                {
                    result.AddError("--idempotency-key needs --total, so that a repeat asks for the same.");
                }
            });
            return buy;
        }

        /// <summary>The total that the buyer agrees to, having seen it.</summary>
        private static async Task<decimal> AgreeAsync(Invocation<BuyerClient> call, bool isAgreed)
        {
            if (!isAgreed && !call.HasKeyboard)
            {
                throw new TradeException(
                    NotAgreed,
                    "There is no keyboard to agree at: give --total with the total that you agree to, "
                        + "or --yes for whatever the cart costs now."
                );
            }

            var cart = await call.Client.DisplayCartAsync(call.CancellationToken);
            if (isAgreed)
            {
                return cart.Total;
            }

            call.ShowAside(Layouts.Cart(cart));
            if (cart.Lines.Count == 0)
            {
                throw new AgoraException(ErrorCodes.CartEmpty, "There is nothing in the cart to buy.", 409);
            }

            if (cart.Lines.Any(Layouts.IsShort))
            {
                throw new AgoraException(
                    ErrorCodes.NotEnoughUnits,
                    $"Some lines cannot be bought as they are. Take out: {call.Spelled("cart remove ITEM UNITS")}",
                    409
                );
            }

            var answer = await call.AskAsync($"Buy for {Layouts.Money(cart.Total)}? [y/N] ", secret: false);
            return answer?.Trim().ToUpperInvariant() is "Y" or "YES"
                ? cart.Total
                : throw new TradeException(NotAgreed, "Nothing was bought.");
        }

        private Command Account() =>
            Function(
                    "account",
                    "Shows your account: id, name, units bought",
                    async call =>
                    {
                        var account = await call.LoggedIn.GetAccountAsync(call.CancellationToken);
                        return TradeResult.Of(account, AgoraJson.Default.BuyerAccount, Layouts.Account(account));
                    },
                    changes: false
                )
                .WithExamples("agora buyer account");

        private Command Seller()
        {
            var seller = SellerId();
            return Function(
                    "seller",
                    "Shows a seller: name, units sold, votes",
                    async call =>
                    {
                        var found = await call.AsVisitorAsync(client =>
                            client.GetSellerAsync(call.Get(seller), call.CancellationToken)
                        );
                        return TradeResult.Of(found, AgoraJson.Default.Seller, Layouts.Seller(found));
                    },
                    changes: false,
                    seller
                )
                .WithExamples("agora buyer seller 9");
        }

        private Command ItemsOf()
        {
            var seller = SellerId();
            var limit = Limit();
            var cursor = Cursor();
            return Function(
                    "items-of",
                    "Shows a seller's items, sold out ones included",
                    async call =>
                    {
                        var page = await call.AsVisitorAsync(client =>
                            client.GetItemsOfSellerAsync(
                                call.Get(seller),
                                call.Get(limit),
                                call.Get(cursor),
                                call.CancellationToken
                            )
                        );
                        return TradeResult.Of(page, AgoraJson.Default.ItemPage, Layouts.Items(page));
                    },
                    changes: false,
                    seller,
                    limit,
                    cursor
                )
                .WithExamples("agora buyer items-of 9 --limit 10");
        }

        private Command Purchase()
        {
            Argument<string> id = new("PURCHASE") { Description = "The purchase's id, as its receipt shows it" };
            return Function(
                    "purchase",
                    "Shows one of your purchases",
                    async call =>
                    {
                        var purchase = await call.LoggedIn.GetPurchaseAsync(call.Get(id)!, call.CancellationToken);
                        return TradeResult.Of(purchase, AgoraJson.Default.Purchase, Layouts.Purchase(purchase));
                    },
                    changes: false,
                    id
                )
                .WithExamples("agora buyer purchase 0b5e3f6f2b7c4c6e9d0a1b2c3d4e5f60");
        }

        private Command Rate()
        {
            var item = ItemId();
            Argument<Thumb> thumb = new("THUMB") { Description = "up or down" };
            thumb.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "up", "down");
            var rate = Function(
                    "rate",
                    "Votes on an item, once for each purchase of it (ProvideFeedback)",
                    async call =>
                    {
                        await call.LoggedIn.ProvideFeedbackAsync(
                            call.Get(item)!,
                            call.Get(thumb),
                            call.Key,
                            call.CancellationToken
                        );
                        return TradeResult.Done("Your vote counts.");
                    },
                    changes: true,
                    item,
                    thumb
                )
                .WithExamples("agora buyer rate 3-17 up");
            rate.Aliases.Add("provide-feedback");
            return rate;
        }

        private Command SellerRating()
        {
            var seller = SellerId();
            var rating = Function(
                    "seller-rating",
                    "Shows the votes on a seller's items (GetSellerRating)",
                    async call =>
                    {
                        var votes = await call.AsVisitorAsync(client =>
                            client.GetSellerRatingAsync(call.Get(seller), call.CancellationToken)
                        );
                        return TradeResult.Of(votes, AgoraJson.Default.SellerRating, Layouts.Rating(votes));
                    },
                    changes: false,
                    seller
                )
                .WithExamples("agora buyer seller-rating 9");
            rating.Aliases.Add("get-seller-rating");
            return rating;
        }

        private Command Purchases()
        {
            var limit = Limit();
            var cursor = Cursor();
            var purchases = Function(
                    "purchases",
                    "Shows what you have bought, newest first (GetBuyerPurchases)",
                    async call =>
                    {
                        var page = await call.LoggedIn.GetBuyerPurchasesAsync(
                            call.Get(limit),
                            call.Get(cursor),
                            call.CancellationToken
                        );
                        return TradeResult.Of(page, AgoraJson.Default.PurchasePage, Layouts.Purchases(page));
                    },
                    changes: false,
                    limit,
                    cursor
                )
                .WithExamples("agora buyer purchases --limit 10");
            purchases.Aliases.Add("get-buyer-purchases");
            return purchases;
        }

        private static Argument<long> SellerId() =>
            new("SELLER") { Description = "The seller's id, as items show it", CustomParser = Numbers.Long };

        private static TradeResult Of(Cart cart) => TradeResult.Of(cart, AgoraJson.Default.Cart, Layouts.Cart(cart));

        private static Command Hidden(Command command)
        {
            command.Hidden = true;
            return command;
        }
    }
}
