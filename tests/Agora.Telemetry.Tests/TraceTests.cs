using System.Text.Json;
using Agora.Cluster;
using Xunit;

namespace Agora.Telemetry.Tests;

/// <summary>What the Aspire dashboard gets of a traced marketplace over OTLP.</summary>
public sealed class TraceTests(WatchedMarketplace marketplace)
{
    [Fact]
    public async Task A_call_is_one_trace_from_the_client_to_every_replica_s_apply_and_a_restart_tells_nothing_again()
    {
        await marketplace.TradeAsync(
            "seller",
            "create-account",
            "--username",
            "traced",
            "--name",
            "Ada",
            "--password",
            Password
        );

        var trace = await WatchedMarketplace.UntilAsync(
            "the trace of a client's command has the apply of each replica",
            async () =>
            {
                var spans = await marketplace.SpansAsync();
                return spans
                    .Where(s => s is { Service: "client", Name: "agora seller create-account" })
                    .Select(client => spans.Where(s => s.Trace == client.Trace).ToArray())
                    .FirstOrDefault(t => Applies(t).Length >= 3 && HasAllParents(t));
            }
        );
        var root = Assert.Single(trace, s => s.Parent.Length == 0);
        Assert.Equal("client", root.Service);
        Assert.All(trace, s => Assert.True(s.End >= s.Start));
        foreach (var service in (string[])["client", Components.SellerServer, Components.Customers])
        {
            Assert.Contains(trace, s => s.Service == service);
        }

        // Each command that was ordered is applied once by each replica, as a child of the order.
        var orders = trace.Where(s => s is { Name: "order", Kind: Span.Producer }).ToArray();
        Assert.NotEmpty(orders);
        foreach (var order in orders.Where(o => o.Service == Components.Customers))
        {
            Assert.Equal(
                ["0", "1", "2"],
                Applies(trace).Where(s => s.Parent == order.Id).Select(s => s.Instance).Order(StringComparer.Ordinal)
            );
        }

        // A replica that comes back replays what its log holds, and tells of none of it; what is new it tells.
        await marketplace.AgoraAsync(["kill", "customers/2", "--restart"]);
        await marketplace.TradeAsync(
            "seller",
            "create-account",
            "--username",
            "later",
            "--name",
            "Bea",
            "--password",
            Password
        );
        await WatchedMarketplace.UntilAsync(
            "the restarted replica tells what it applies now",
            async () =>
            {
                var spans = await marketplace.SpansAsync();
                var first = spans.Where(s => s.Trace == root.Trace).ToArray();
                Assert.Equal(Applies(trace).Length, Applies(first).Length);
                return Applies([.. spans])
                    .Any(s => s is { Instance: "2", Service: Components.Customers } && s.Start > root.End)
                    ? spans
                    : null;
            }
        );
    }

    [Fact]
    public async Task A_purchase_is_one_trace_through_both_databases_and_the_payment_service()
    {
        await marketplace.TradeAsync("seed", "--items", "20");
        string[] login = ["buyer", "login", "--username", "buyer-1-1", "--password", "correct-horse"];
        await marketplace.TradeAsync(login);
        var found = await marketplace.TradeAsync("buyer", "--json", "search", "--category", "1", "--limit", "1");
        var item = JsonDocument
            .Parse(found)
            .RootElement.GetProperty("items")
            .EnumerateArray()
            .First()
            .GetProperty("id")
            .GetString()!;
        await marketplace.TradeAsync("buyer", "cart", "add", item);
        await marketplace.TradeAsync(
            "buyer",
            "buy",
            "--yes",
            "--cardholder",
            "Bea",
            "--card",
            "4111111111111111",
            "--expires",
            "12/39",
            "--code",
            "123"
        );

        await WatchedMarketplace.UntilAsync(
            "the trace of the purchase has all services",
            async () =>
            {
                var spans = await marketplace.SpansAsync();
                string[] services =
                [
                    "client",
                    Components.BuyerServer,
                    Components.Customers,
                    Components.Products,
                    Components.Payments,
                ];
                return spans
                    .Where(s => s is { Service: "client", Name: "agora buyer buy" })
                    .Select(client => spans.Where(s => s.Trace == client.Trace).ToArray())
                    .FirstOrDefault(t =>
                        services.All(service => t.Any(s => s.Service == service))
                        && Applies(t).Count(s => s.Service == Components.Products) >= 3
                    );
            }
        );
    }

    [Fact]
    public async Task A_line_of_a_log_names_the_trace_that_it_belongs_to()
    {
        await marketplace.TradeAsync("buyer", "search", "--category", "1", "--limit", "1");
        await WatchedMarketplace.UntilAsync(
            "a line names a trace that the dashboard has",
            async () =>
            {
                var traces = (await marketplace.SpansAsync()).Select(s => s.Trace).ToHashSet();
                return marketplace
                    .LogOf("buyer-server-0")
                    .Where(line => line.StartsWith('{'))
                    .Select(line => JsonDocument.Parse(line).RootElement)
                    .SelectMany(line => line.GetProperty("Scopes").EnumerateArray())
                    .Where(scope => scope.ValueKind == JsonValueKind.Object && scope.TryGetProperty("TraceId", out _))
                    .Select(scope => scope.GetProperty("TraceId").GetString())
                    .FirstOrDefault(trace => traces.Contains(trace!));
            }
        );
    }

    // Processes send their spans at different times.
    private static bool HasAllParents(Span[] trace)
    {
        var ids = trace.Select(s => s.Id).ToHashSet();
        return trace.All(s => s.Parent.Length == 0 || ids.Contains(s.Parent));
    }

    private const string Password = "correct horse battery";

    private static Span[] Applies(Span[] spans) => [.. spans.Where(s => s is { Name: "apply", Kind: Span.Consumer })];
}
