using Microsoft.Playwright;
using RotatingSequencer.Simulation.Plays;

namespace Agora.Web.Tests.Protocol;

/// <summary>The pages as people use them.</summary>
public sealed class ProtocolBrowserTests(ProtocolSite site, BrowserFixture browser) : IClassFixture<ProtocolSite>
{
    public static TheoryData<string, bool> NamesAndScript =>
        [.. Scenarios.All.SelectMany(s => new[] { true, false }.Select(script => (s.Name, script)))];

    public static TheoryData<bool, bool> Screens => [(false, false), (false, true), (true, false), (true, true)];

    [Theory]
    [MemberData(nameof(NamesAndScript))]
    public async Task A_scenario_can_be_stepped_to_its_end_and_back(string name, bool script)
    {
        await using var window = await OpenAsync($"/protocol?scenario={name}", script);
        var page = window.Page;
        var last = Play.Of(new PlayAddress { Scenario = name })!.Steps.Count - 1;

        for (var step = 1; step <= last; step++)
        {
            await page.Locator("[data-key=step]").ClickAsync();
            await Expect(page.Locator($"#play[data-step='{step}']")).ToBeVisibleAsync();
        }

        await Expect(page.Locator(".lesson")).ToBeVisibleAsync();
        await Expect(page.Locator("[data-key=step]")).ToHaveCountAsync(0);
        await window.AssertSoundAsync();
        await page.Locator("[data-key=back]").ClickAsync();
        await Expect(page.Locator($"#play[data-step='{last - 1}']")).ToBeVisibleAsync();
        await page.GoBackAsync();
        await Expect(page.Locator($"#play[data-step='{last}']")).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_message_in_the_picture_can_be_lost_and_is_asked_for_again(bool script)
    {
        await using var window = await OpenAsync("/protocol?scenario=normal&step=1", script);
        var page = window.Page;
        await Expect(page.Locator("#play .cross")).ToHaveCountAsync(0);

        await page.Locator("a.to-message .hit").First.ClickAsync(new() { Force = true });
        await Expect(page.Locator(".menu h3")).ToHaveTextAsync("Request (3,2)");
        await page.Locator("[data-act=lose]").ClickAsync();

        await Expect(page.Locator("#play .cross")).ToHaveCountAsync(1);
        await Expect(page.Locator(".done li")).ToHaveCountAsync(1);
        await StepUntilAsync(page, "asks member 3 for Request (3,2)");
        await window.AssertSoundAsync();
        await page.GetByText("Take back").ClickAsync();
        await Expect(page.Locator(".done")).ToHaveCountAsync(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_member_can_be_killed_and_restarted(bool script)
    {
        await using var window = await OpenAsync("/protocol?scenario=idle&step=2", script);
        var page = window.Page;

        await page.Locator("a.member[data-member='1'] .head").ClickAsync(new() { Force = true });
        await page.Locator("[data-act=kill]").ClickAsync();
        await Expect(page.Locator(".sentence")).ToContainTextAsync("Member 1 is killed");
        await Expect(page.Locator("#play .life.down")).ToHaveCountAsync(1);
        await page.Locator("a.member[data-member='1'] .head").ClickAsync(new() { Force = true });
        await window.AssertSoundAsync();
        await page.Locator("[data-act=start]").ClickAsync();

        await Expect(page.Locator(".sentence")).ToContainTextAsync("Member 1 starts");
        await Expect(page.Locator(".done li")).ToHaveCountAsync(2);
        await StepUntilAsync(page, "Member 1 delivers number 10");
    }

    [Fact]
    public async Task Keys_step_lose_delay_and_kill()
    {
        await using var window = await OpenAsync("/protocol?scenario=normal");
        var page = window.Page;

        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Locator("#play[data-step='1']")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Locator("#play[data-step='2']")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(page.Locator("#play[data-step='1']")).ToBeVisibleAsync();

        await page.Locator("a.to-message").First.DispatchEventAsync("pointerover", new { bubbles = true });
        await page.Keyboard.PressAsync("l");
        await Expect(page.Locator(".done li")).ToContainTextAsync(["Lost: Request (3,2)"]);

        await page.Locator("a.to-message").Nth(1).DispatchEventAsync("pointerover", new { bubbles = true });
        await page.Keyboard.PressAsync("d");
        await Expect(page.Locator(".done li")).ToHaveCountAsync(2);

        await page.Locator("a.member[data-member='4']").FocusAsync();
        await page.Keyboard.PressAsync("k");
        await Expect(page.Locator(".done li")).ToHaveCountAsync(3);
        await Expect(page.Locator("#play .life.down")).ToHaveCountAsync(1);
        await window.AssertSoundAsync();
    }

    [Fact]
    public async Task Space_plays_and_pauses()
    {
        await using var window = await OpenAsync("/protocol?scenario=idle");
        var page = window.Page;
        await page.EmulateMediaAsync(new() { ReducedMotion = ReducedMotion.NoPreference });
        await page.ReloadAsync();
        await page.Locator("[data-speed]").SelectOptionAsync("1000");
        await page.Locator("h1").ClickAsync();

        await page.Keyboard.PressAsync(" ");
        await Expect(page.Locator("[data-run]")).ToHaveTextAsync("Pause");
        await Expect(page.Locator("#play[data-step='2']")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync(" ");
        await Expect(page.Locator("[data-run]")).ToHaveTextAsync("Play");
        await page.Keyboard.PressAsync(" ");
        // It ends at the end.
        await Expect(page.Locator(".lesson")).ToBeVisibleAsync();
        await Expect(page.Locator("[data-run]")).ToHaveTextAsync("Play");
    }

    [Fact]
    public async Task Who_wants_less_motion_gets_steps_only()
    {
        await using var window = await OpenAsync("/protocol?scenario=idle");

        await Expect(window.Page.Locator("[data-run]")).ToBeHiddenAsync();
        await Expect(window.Page.Locator("[data-key=step]")).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_seed_and_a_step_can_be_asked_for(bool script)
    {
        await using var window = await OpenAsync("/protocol", script);
        var page = window.Page;

        await page.Locator("#seed").FillAsync("2568");
        await page.GetByRole(AriaRole.Button, new() { Name = "Play it" }).ClickAsync();
        await Expect(page.Locator("#play-title")).ToHaveTextAsync(Scenarios.OfSeed.Title);
        await page.Locator("#jump").FillAsync("12");
        await page.GetByRole(AriaRole.Button, new() { Name = "Go" }).ClickAsync();

        await Expect(page.Locator("#play[data-step='12']")).ToBeVisibleAsync();
        await window.AssertSoundAsync();
    }

    /// <summary>Pictures to look at, and that nothing is wider than the screen.</summary>
    [Theory]
    [MemberData(nameof(Screens))]
    public async Task It_fits_a_phone_and_a_wide_screen_in_light_and_dark(bool phone, bool dark)
    {
        var kind = $"{(phone ? "phone" : "wide")}-{(dark ? "dark" : "light")}";
        (string Name, string Address)[] pages =
        [
            ("begin", "/protocol"),
            ("normal", "/protocol?scenario=normal&step=5"),
            ("end", "/protocol?scenario=read&step=8"),
            ("message", "/protocol?scenario=lost-sequence&step=2&message=4"),
            ("crash", "/protocol?scenario=crash&step=6&member=1"),
            ("seed", "/protocol?scenario=seed&seed=2568&step=30"),
        ];
        await using var window = await OpenAsync(pages[0].Address, script: true, dark, phone);
        foreach (var (name, address) in pages)
        {
            await window.Page.GotoAsync(address);
            await window.ScreenshotAsync($"protocol-{name}-{kind}");

            Assert.True(
                await window.Page.EvaluateAsync<bool>(
                    "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                ),
                $"{address} is wider than the screen"
            );
            await window.AssertSoundAsync();
        }
    }

    private static ILocatorAssertions Expect(ILocator locator) => Assertions.Expect(locator);

    private static async Task StepUntilAsync(IPage page, string words)
    {
        const int MaxSteps = 60;
        for (var i = 0; i < MaxSteps; i++)
        {
            if ((await page.Locator(".sentence").TextContentAsync())!.Contains(words, StringComparison.Ordinal))
            {
                return;
            }

            var step = int.Parse(
                (await page.Locator("#play").GetAttributeAsync("data-step"))!,
                System.Globalization.CultureInfo.InvariantCulture
            );
            await page.Locator("[data-key=step]").ClickAsync();
            await Expect(page.Locator($"#play[data-step='{step + 1}']")).ToBeVisibleAsync();
        }

        Assert.Fail($"no step says: {words}");
    }

    private async Task<BrowserWindow> OpenAsync(string path, bool script = true, bool dark = false, bool phone = false)
    {
        var window = await browser.OpenAsync(site.Address, script, dark, phone);
        await window.Page.GotoAsync(path);
        return window;
    }
}
