using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>
/// A seller and a shopper at the web pages of real processes, while the pages, the servers behind them and the products
/// leader are killed. A browser that finds nobody at the address is reloaded, as people do.
/// </summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed partial class WebTests(RunningMarketplace marketplace)
{
    [Fact]
    public async Task Killed_while_people_are_at_work_servers_and_pages_cost_a_pause_and_a_form_acts_once()
    {
        await marketplace.AllRunningAsync();
        using var seller = Browser();
        using var shopper = Browser();
        await RegisterAsync(seller, "/desk/register", "web-seller");
        await RegisterAsync(shopper, "/register", "web-shopper");

        var item = await SendAsync(
            seller,
            "/desk/items/new",
            ("name", "Lantern"),
            ("category", "8"),
            ("price", "12.00"),
            ("quantity", "20")
        );
        var itemId = item.Query.Split('=')[1];
        foreach (var victim in new[] { "seller-server/0", "buyer-server/0", "products/leader", "web/0" })
        {
            await marketplace.CommandAsync("kill", victim, "--restart");
            await SendAsync(seller, $"/desk/items/{itemId}/units", ("units", "1"), ("do", "add"));
            await SendAsync(shopper, "/cart/items", ("itemId", itemId), ("quantity", "2"));
            var checkout = await OpenAsync(shopper, "/checkout");
            (string Name, string Value)[] order =
            [
                ("key", Value(checkout, "key", after: "class=\"checkout\"")),
                ("total", Value(checkout, "total", after: "class=\"checkout\"")),
                ("cardholderName", "Wanda Web"),
                ("cardNumber", "4111111111111111"),
                ("expirationDate", "12/39"),
                ("securityCode", "123"),
            ];
            var receipt = await SendAsync(shopper, "/checkout", order);
            if (receipt.AbsolutePath == "/checkout")
            {
                // The bank has declined; the cart is as it was.
                await SendAsync(shopper, "/cart/clear");
                continue;
            }

            var again = await SendAsync(shopper, "/checkout", order);
            Assert.Equal(receipt, again);
        }

        var stock = await OpenAsync(seller, "/desk");
        var purchases = await OpenAsync(shopper, "/purchases");
        var bought = ReceiptLink().Matches(purchases).Select(m => m.Value).Distinct().Count();
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"{20 + 4 - 2 * bought} in stock"),
            stock,
            StringComparison.Ordinal
        );
        await marketplace.AllRunningAsync();
    }

    private static HttpClient Browser() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false })
        {
            Timeout = RunningMarketplace.Timeout,
        };

    private Task<Uri> RegisterAsync(HttpClient browser, string path, string username) =>
        SendAsync(
            browser,
            path,
            ("login-name", "Wanda Web"),
            ("login-username", username),
            ("login-password", "correct-horse")
        );

    /// <summary>Sends a form until it is answered, under one key, and answers the page that it leads to.</summary>
    private async Task<Uri> SendAsync(HttpClient browser, string path, params (string Name, string Value)[] fields)
    {
        if (!fields.Any(f => f.Name == "key"))
        {
            fields = [.. fields, ("key", Guid.NewGuid().ToString("N"))];
        }

        return await RunningMarketplace.UntilAsync(
            $"the form for {path} is answered",
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Web, path));
                request.Headers.Add("Sec-Fetch-Site", "same-origin");
                request.Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
                using var answer = await TryAsync(browser, request);
                return answer?.StatusCode switch
                {
                    HttpStatusCode.SeeOther => new Uri(Web, answer.Headers.Location!),
                    HttpStatusCode.UnprocessableEntity => new Uri(Web, path),
                    HttpStatusCode.ServiceUnavailable or null => null,
                    var other => throw new InvalidOperationException($"{path} answered {other}"),
                };
            }
        );
    }

    private Task<string> OpenAsync(HttpClient browser, string path) =>
        RunningMarketplace.UntilAsync(
            $"{path} is shown",
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(Web, path));
                using var answer = await TryAsync(browser, request);
                return answer is { StatusCode: HttpStatusCode.OK }
                    ? await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)
                    : null;
            }
        );

    private static async Task<HttpResponseMessage?> TryAsync(HttpClient browser, HttpRequestMessage request)
    {
        try
        {
            return await browser.SendAsync(request, TestContext.Current.CancellationToken);
        }
        catch (HttpRequestException)
        {
            // Nobody is at the address just now.
            return null;
        }
    }

    private Uri Web => marketplace.Cluster.AddressesOf(marketplace.Cluster.Web)[0];

    private static string Value(string html, string field, string after)
    {
        var form = html[html.IndexOf(after, StringComparison.Ordinal)..];
        var mark = $"name=\"{field}\" value=\"";
        var from = form.IndexOf(mark, StringComparison.Ordinal) + mark.Length;
        return form[from..form.IndexOf('"', from)];
    }

    [GeneratedRegex("/purchases/[0-9a-f]{32}")]
    private static partial Regex ReceiptLink();
}
