using System.Diagnostics;
using System.Net;
using RotatingSequencer.Simulation.Plays;

namespace Agora.Web.Tests.Protocol;

/// <summary>The pages as a program gets them.</summary>
public sealed class ProtocolPageTests(ProtocolSite site) : IClassFixture<ProtocolSite>
{
    public static TheoryData<string> Names => [.. Scenarios.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_step_of_every_scenario_is_a_valid_page(string name)
    {
        var steps = Play.Of(new PlayAddress { Scenario = name })!.Steps;
        foreach (var step in steps)
        {
            var page = Html.Parse(await GetAsync($"/protocol?scenario={name}&step={step.Index}"));

            Assert.Contains(step.Sentence, page.QuerySelector(".sentence")!.TextContent, StringComparison.Ordinal);
            Assert.Equal(step.Index > 0, page.QuerySelector("[data-key=back]") is not null);
            Assert.Equal(step.Index < steps.Count - 1, page.QuerySelector("[data-key=step]") is not null);
        }
    }

    [Fact]
    public async Task Two_web_servers_draw_the_same_page()
    {
        var other = new ProtocolSite();
        await other.InitializeAsync();
        await using var _ = other;
        const string Address = "/protocol?scenario=seed&seed=9&step=7&act=lose.2,kill.0.4000";

        var pages = new[] { await GetAsync(Address), await other.Client.GetStringAsync(Address, Cancelled) };

        Assert.Equal(pages[0], pages[1]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?")]
    [InlineData("?step=-1")]
    [InlineData("?step=99999999999999999999")]
    [InlineData("?scenario=seed&seed=2147483647&step=2147483647")]
    [InlineData("?scenario=seed&seed=-5")]
    [InlineData("?act=lose.0,lose.0,double.0,delay.0")]
    [InlineData("?act=lose.99999&step=3")]
    [InlineData("?act=kill.0.0,kill.0.0,start.0.0,start.4.60000000")]
    [InlineData("?act=pause.0.1,pause.1.1,pause.2.1,pause.3.1,pause.4.1&step=40")]
    [InlineData("?act=kill.0.1,kill.1.1,kill.2.1,kill.3.1,kill.4.1&step=400")]
    [InlineData("?act=%00%ff%fe&message=%00")]
    [InlineData("?act=<script>alert(1)</script>&member=\"><b>")]
    [InlineData("?message=99999&member=63")]
    [InlineData("?message=2147483647&member=2147483647")]
    [InlineData("?step=1&step=2&step=3&scenario=idle&scenario=read")]
    [InlineData("?scenario=seed&seed=3&act=start.0.0,kill.0.10,start.0.20,kill.0.30")]
    public async Task No_address_makes_the_page_fail(string query)
    {
        using var answer = await site.Client.GetAsync($"/protocol{query}", Cancelled);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Html.Parse(await answer.Content.ReadAsStringAsync(Cancelled));
    }

    [Fact]
    public async Task Random_addresses_never_make_the_page_fail()
    {
        var random = new Random(1);
        string[] acts = ["lose", "double", "delay", "pause", "kill", "start", "", "nonsense"];
        string[] scenarios = [.. Scenarios.All.Select(scenario => scenario.Name), PlayAddress.SeedScenario];
        for (var i = 0; i < 150; i++)
        {
            var some = Enumerable
                .Range(0, random.Next(20))
                .Select(_ => $"{acts[random.Next(acts.Length)]}.{random.Next(300)}.{random.Next(200_000)}")
                .Select(text => random.Next(2) == 0 ? text : text[..text.LastIndexOf('.')]);
            var query =
                $"?scenario={scenarios[random.Next(scenarios.Length)]}&seed={random.Next(500)}&step={random.Next(90)}"
                + $"&message={random.Next(200)}&member={random.Next(7)}&act={string.Join(',', some)}";

            using var answer = await site.Client.GetAsync($"/protocol{query}", Cancelled);

            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{(int)answer.StatusCode} {query}");
            Assert.DoesNotContain(
                "A rule was broken",
                await answer.Content.ReadAsStringAsync(Cancelled),
                StringComparison.Ordinal
            );
        }
    }

    [Theory]
    [InlineData("?scenario=")]
    [InlineData("?scenario=nonsense")]
    public async Task An_unknown_scenario_is_not_found(string query)
    {
        using var answer = await site.Client.GetAsync($"/protocol{query}", Cancelled);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task What_is_in_the_address_is_escaped_in_the_page()
    {
        var page = await GetAsync("/protocol?scenario=normal&act=%22%3E%3Cb%3E&step=2");

        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_may_be_kept_for_a_while_and_names_no_user()
    {
        using var answer = await site.Client.GetAsync("/protocol", Cancelled);

        Assert.Equal("public, max-age=60", answer.Headers.CacheControl!.ToString());
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    /// <summary>A guard against a play that has become ten times as expensive; figures are in the
    /// documents.</summary>
    [Fact]
    public async Task A_page_takes_far_less_than_a_second()
    {
        await GetAsync("/protocol?scenario=seed&seed=1&step=5");
        var clock = Stopwatch.StartNew();
        for (var seed = 0; seed < 20; seed++)
        {
            await GetAsync($"/protocol?scenario=seed&seed={seed}&step=20");
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{clock.Elapsed.TotalMilliseconds / 20:F1} ms a page");
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 10);
    }

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private Task<string> GetAsync(string path) => site.Client.GetStringAsync(path, Cancelled);
}
