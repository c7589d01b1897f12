using Agora.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Agora.Web.Shop;

/// <summary>
/// The shop: which pages there are. A GET shows something and changes nothing. A POST changes something and answers
/// with 303 to a page that shows it, so that a reload repeats nothing; if it is refused, it answers with the form.
/// </summary>
internal static class ShopEndpoints
{
    /// <summary>Maps the pages of visitors, buyers and sellers.</summary>
    public static void MapShop(this WebApplication app)
    {
        ShopRoutes routes = new(
            app,
            app.Services.GetRequiredService<Marketplace>(),
            app.Services.GetRequiredService<ClusterFile>()
        );
        var time = app.Services.GetRequiredService<TimeProvider>();

        routes.Get("/", visit => BrowsePages.FrontAsync(visit, time));
        routes.Get("/items", BrowsePages.SearchAsync);
        routes.Get("/items/{id}", BrowsePages.ItemAsync);
        routes.Get("/sellers/{id}", BrowsePages.SellerAsync);

        routes.Get("/login", AccountPages.LoginFormAsync);
        routes.Post("/login", AccountPages.LoginAsync, back: "/login");
        routes.Get("/register", AccountPages.RegisterFormAsync);
        routes.Post("/register", AccountPages.RegisterAsync, back: "/register");
        routes.Post("/logout", AccountPages.LogoutAsync, back: "/");

        routes.Get("/cart", CartPages.ShowAsync);
        routes.Post("/cart/items", CartPages.AddAsync, back: "/cart");
        routes.Post("/cart/lines", CartPages.ChangeAsync, back: "/cart");
        routes.Post("/cart/clear", CartPages.ClearAsync, back: "/cart");

        routes.Get("/checkout", CheckoutPages.ShowAsync);
        routes.Post("/checkout", CheckoutPages.BuyAsync, back: "/checkout");

        routes.Get("/purchases", PurchasePages.ListAsync);
        routes.Get("/purchases/{id}", PurchasePages.ReceiptAsync);
        routes.Post("/purchases/{id}/votes", PurchasePages.VoteAsync, back: "/purchases");

        routes.Get("/desk", DeskPages.StockAsync, ShopRole.Seller);
        routes.Get("/desk/login", AccountPages.LoginFormAsync, ShopRole.Seller);
        routes.Post("/desk/login", AccountPages.LoginAsync, back: "/desk/login", ShopRole.Seller);
        routes.Get("/desk/register", AccountPages.RegisterFormAsync, ShopRole.Seller);
        routes.Post("/desk/register", AccountPages.RegisterAsync, back: "/desk/register", ShopRole.Seller);
        routes.Post("/desk/logout", AccountPages.LogoutAsync, back: "/desk", ShopRole.Seller);
        routes.Get("/desk/items/new", DeskItemPages.NewAsync, ShopRole.Seller);
        routes.Post("/desk/items/new", DeskItemPages.RegisterAsync, back: "/desk/items/new", ShopRole.Seller);
        routes.Post("/desk/items/{id}/price", DeskItemPages.ChangePriceAsync, back: "/desk", ShopRole.Seller);
        routes.Post("/desk/items/{id}/units", DeskItemPages.ChangeUnitsAsync, back: "/desk", ShopRole.Seller);
        routes.Get("/desk/sales", DeskPages.SalesAsync, ShopRole.Seller);
    }
}
