using System.Net;
using System.Text.RegularExpressions;
using Agora.Cluster;
using Agora.Testing;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>The control room of a real marketplace, used as a browser uses it.</summary>
[Collection(RunningMarketplace.OneAtATime)]
public sealed partial class OperationsTests
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Looking_killing_the_leader_with_a_button_and_killing_the_web_server_that_shows_it()
    {
        var cluster = RunningMarketplace.OnFreePorts(
            ClusterFile.Default with
            {
                SellerServers = new() { Replicas = [.. ClusterFile.Default.SellerServers.Replicas.Take(2)] },
                BuyerServers = new() { Replicas = [.. ClusterFile.Default.BuyerServers.Replicas.Take(2)] },
                Customers = Three(ClusterFile.Default.Customers),
                Products = Three(ClusterFile.Default.Products),
            }
        ) with
        {
            Web = new() { Replicas = [new() { Port = FreePorts.Take() }] },
        };
        await using var marketplace = await RunningMarketplace.StartAnotherAsync(cluster, []);
        using HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false })
        {
            BaseAddress = new UriBuilder("http", "127.0.0.1", cluster.Web.Replicas[0].Port).Uri,
        };

        // The page and the command show the same status.
        await marketplace.AllRunningAsync();
        var page = await UntilAsync(
            http,
            p => Leader().IsMatch(p) && p.Contains("All is well.", StringComparison.Ordinal)
        );
        var status = await marketplace.StatusAsync();
        Assert.Equal(
            status.Processes.Select(p => $"{p.Name} up {Role(p)} {p.Restarts}"),
            Row()
                .Matches(page)
                .Select(m => $"{m.Groups["name"]} {m.Groups["state"]} {m.Groups["role"]} {m.Groups["restarts"]}")
        );
        var leader = Leader().Match(page);
        Assert.Equal(
            status.Processes.Single(p => p.Role == "leader").Database!.Term,
            long.Parse(leader.Groups["term"].Value, System.Globalization.CultureInfo.InvariantCulture)
        );

        // The button kills the leader: another one leads, and the log of events says both.
        var killed = leader.Groups["name"].Value;
        await PostAsync(http, $"/operations/processes/{killed}/kill");
        page = await UntilAsync(
            http,
            p => Leader().Match(p) is { Success: true } next && next.Groups["name"].Value != killed
        );
        page = await UntilAsync(
            http,
            p =>
                p.Contains($"{killed} is killed, as", StringComparison.Ordinal)
                && p.Contains($"(before: {killed}, term", StringComparison.Ordinal)
        );
        Assert.Contains($"id=\"start-{killed.Replace('/', '-')}\"", page, StringComparison.Ordinal);
        await PostAsync(http, $"/operations/processes/{killed}/start");
        await UntilAsync(http, p => p.Contains($"{killed} serves again", StringComparison.Ordinal));

        // The web server itself is killed: the page comes back, and the log of events is still there.
        await marketplace.CommandAsync("kill", "web/0", "--restart");
        page = await UntilAsync(http, p => p.Contains("web/0 serves again", StringComparison.Ordinal));
        Assert.Contains($"{killed} is killed, as", page, StringComparison.Ordinal);

        // A demonstration measures the pause that its own small load notices, and finds every confirmed write.
        await PostAsync(http, "/operations/demonstrations/kill-leader");
        page = await UntilAsync(http, p => p.Contains("The longest pause was", StringComparison.Ordinal));
        Assert.Contains("No call failed.", page, StringComparison.Ordinal);
        Assert.Matches("All [0-9]+ confirmed writes are there, none twice.", page);
    }

    private static DatabaseGroup Three(DatabaseGroup group) => group with { Replicas = [.. group.Replicas.Take(3)] };

    // The page names the member whose turn is next by the highest number, the command by what each says of itself.
    private static string Role(ProcessStatus process) => process.Component == Components.Products ? process.Role! : "";

    private static async Task PostAsync(HttpClient http, string path)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path);
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        using var answer = await http.SendAsync(request, CancellationToken);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
    }

    private static Task<string> UntilAsync(HttpClient http, Func<string, bool> condition) =>
        RunningMarketplace.UntilAsync(
            "the page shows it",
            async () =>
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri("/operations", UriKind.Relative), CancellationToken);
                    var page = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync(CancellationToken));
                    return answer.IsSuccessStatusCode && condition(page) ? page : null;
                }
                catch (HttpRequestException)
                {
                    // The web server is down for a moment.
                    return null;
                }
            }
        );

    [GeneratedRegex("(?<name>products/[0-9]+) leads, in term (?<term>[0-9]+)")]
    private static partial Regex Leader();

    [GeneratedRegex(
        """<tr id="process-.*?<th scope="row">(?<name>[^<]*)</th>.*?</span>\s*(?<state>[a-z]+)</span>\s*</td>\s*"""
            + """<td class="role">\s*(?<role>(?:leader|follower|candidate)?)[^<]*</td>.*?"""
            + """(?<restarts>[0-9]+)</td>\s*<td class="since">""",
        RegexOptions.Singleline
    )]
    private static partial Regex Row();
}
