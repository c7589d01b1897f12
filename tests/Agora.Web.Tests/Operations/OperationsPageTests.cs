using Agora.Cluster;
using Agora.Web.Operations;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Agora.Web.Tests.Operations;

/// <summary>The control room in a browser, over a marketplace whose states the test changes.</summary>
public sealed class OperationsPageTests(BrowserFixture browser) : IAsyncLifetime
{
    private RoomHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await RoomHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_new_leader_appears_by_itself()
    {
        await using var moving = Moving(Pictures.Well);
        await using var window = await OpenAsync();
        await Expect(window.Page.Locator("#group-products .group-sentence"))
            .ToHaveTextAsync("products/1 leads, in term 7.");
        await Expect(window.Page.Locator("#picture-age")).ToHaveTextAsync("Live.");

        moving.Show(now =>
            Pictures
                .Well(now)
                .With("products/1", p => p.Killed(now.AddSeconds(-1)))
                .With("products/2", p => p.InTerm("leader", 8))
        );

        await Expect(window.Page.Locator("#group-products .group-sentence"))
            .ToHaveTextAsync("products/2 leads, in term 8.");
        await Expect(window.Page.Locator("#well .well-sentence")).ToContainTextAsync("with 1 process down");
        await Expect(window.Page.Locator("#process-products-1 .state")).ToContainTextAsync("killed");
        await window.AssertSoundAsync();
    }

    [Fact]
    public async Task A_button_keeps_the_focus_while_its_row_changes()
    {
        await using var moving = Moving(Pictures.Well);
        await using var window = await OpenAsync();
        await Expect(window.Page.Locator("#picture-age")).ToHaveTextAsync("Live.");
        await window.Page.FocusAsync("#stop-products-3");

        moving.Show(now => Pictures.Well(now).With("products/3", p => p with { MemoryBytes = 123 << 20 }));

        await Expect(window.Page.Locator("#process-products-3")).ToContainTextAsync("123 MiB");
        await Expect(window.Page.Locator("#stop-products-3")).ToBeFocusedAsync();
    }

    [Fact]
    public async Task A_picture_that_gets_old_says_so_and_its_roles_are_no_facts()
    {
        await using var window = await OpenAsync();

        await Expect(window.Page.Locator("#picture-age")).ToContainTextAsync("s old");
        await Expect(window.Page.Locator("#room"))
            .ToHaveClassAsync(new System.Text.RegularExpressions.Regex(@"\bold\b"));
    }

    [Fact]
    public async Task It_can_be_paused_and_goes_on()
    {
        await using var moving = Moving(Pictures.Well);
        await using var window = await OpenAsync();
        await Expect(window.Page.Locator("#picture-age")).ToHaveTextAsync("Live.");

        await window.Page.ClickAsync("#pause");
        await Expect(window.Page.Locator("#pause")).ToHaveTextAsync("Go on");
        await Wait.UntilAsync("the connection is closed", () => _host.Room.Watchers == 0);

        await window.Page.ClickAsync("#pause");
        await Expect(window.Page.Locator("#picture-age")).ToHaveTextAsync("Live.");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_button_kills_and_leads_back_to_its_row(bool script)
    {
        await using var window = await OpenAsync(script);

        await window.Page.ClickAsync("#kill-products-1");

        await Wait.UntilAsync("it is asked for", () => _host.Room.Acts.Contains("Kill products/1"));
        await Expect(window.Page).ToHaveURLAsync(new Uri(_host.Address, "/operations#process-products-1").ToString());
        Assert.Empty(window.Complaints);
    }

    [Theory]
    [InlineData("start", "products/1")]
    [InlineData("replace", "products/1")]
    [InlineData("start", "payments/0")]
    public async Task What_is_down_can_be_started_and_a_database_replica_replaced(string act, string process)
    {
        var now = DateTime.UtcNow;
        _host.Room.Show(Pictures.Well(now).With(process, p => p.Killed(now)));
        await using var window = await OpenAsync(script: false);
        var anchor = process.Replace('/', '-');

        Assert.Equal(0, await window.Page.Locator($"#kill-{anchor}").CountAsync());
        Assert.Equal(process == "payments/0" ? 0 : 1, await window.Page.Locator($"#replace-{anchor}").CountAsync());
        await window.Page.ClickAsync($"#{act}-{anchor}");

        await Wait.UntilAsync(
            "it is asked for",
            () => _host.Room.Acts.Contains($"{(act == "start" ? "Start" : "Replace")} {process}")
        );
    }

    [Fact]
    public async Task A_demonstration_says_what_it_will_do_and_shows_what_it_measured()
    {
        await using var moving = Moving(Pictures.Well);
        await using var window = await OpenAsync();
        await Expect(window.Page.Locator("#demonstrate-lose-packets")).ToBeDisabledAsync();
        await Expect(window.Page.Locator("#demonstrations")).ToContainTextAsync("Only in the lab");

        await window.Page.ClickAsync("#demonstrate-kill-leader");
        await Wait.UntilAsync("it is asked for", () => _host.Room.Acts.Contains("demonstrate KillLeader"));
        moving.Show(now => Pictures.Well(now) with { Demonstrations = [Running(now)] });
        await Expect(window.Page.Locator("#demonstrations")).ToContainTextAsync("The others elect a leader.");
        await Expect(window.Page.Locator("#demonstrate-kill-leader")).ToBeDisabledAsync();

        moving.Show(now => Pictures.Well(now) with { Demonstrations = [Over(now)] });
        await Expect(window.Page.Locator("#demonstrations")).ToContainTextAsync("All 402 confirmed writes are there");
        await Expect(window.Page.Locator("#demonstrations td").Filter(new() { HasText = "0.93 s" }))
            .ToHaveCountAsync(0);
        await Expect(window.Page.Locator("#demonstrations td").Filter(new() { HasText = "930 ms" }))
            .ToHaveCountAsync(1);
        await window.AssertSoundAsync();
        await window.ScreenshotAsync("operations-demonstration");
    }

    [Fact]
    public async Task Who_may_only_look_sees_no_button_until_the_key_is_entered()
    {
        await using var window = await OpenAsync(script: false);
        await window.Page.SetExtraHTTPHeadersAsync(
            new Dictionary<string, string> { ["X-Forwarded-For"] = "203.0.113.7" }
        );
        await window.Page.GotoAsync("/operations");
        await Expect(window.Page.Locator("#kill-products-1")).ToBeHiddenAsync();

        await window.Page.FillAsync("#key", "not it");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Enter" }).ClickAsync();
        await Expect(window.Page.Locator("#key-error")).ToHaveTextAsync("This is not the key.");

        await window.Page.FillAsync("#key", _host.Key);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Enter" }).ClickAsync();
        await Expect(window.Page.Locator("#kill-products-1")).ToBeVisibleAsync();

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Forget the key" }).ClickAsync();
        await Expect(window.Page.Locator("#kill-products-1")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task Without_a_script_the_page_is_right_when_it_is_loaded()
    {
        await using var window = await OpenAsync(script: false);
        await Expect(window.Page.Locator("#group-products .group-sentence"))
            .ToHaveTextAsync("products/1 leads, in term 7.");
        await Expect(window.Page.Locator("#pause")).ToBeHiddenAsync();

        _host.Room.Show(Pictures.Well(DateTime.UtcNow).With("products/3", p => p.InTerm("leader", 9)));
        await window.Page.ClickAsync("#reload");

        await Expect(window.Page.Locator("#group-products .group-sentence"))
            .ToHaveTextAsync("products/3 leads, in term 9.");
    }

    [Fact]
    public async Task One_server_can_be_looked_at_alone()
    {
        await using var moving = Moving(Pictures.Well);
        await using var window = await OpenAsync();
        await window.Page.GetByRole(AriaRole.Link, new() { Name = "buyer-server/1", Exact = true }).ClickAsync();

        await Expect(window.Page.Locator("#speed")).ToContainTextAsync("SearchItemsForSale");
        await Expect(window.Page.Locator("#speed")).Not.ToContainTextAsync("MakePurchase");
        await Expect(window.Page.Locator("#picture-age")).ToHaveTextAsync("Live.");
        await Expect(window.Page.Locator("#speed")).Not.ToContainTextAsync("MakePurchase");
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task It_is_sound_in_light_and_dark_on_a_phone_and_a_wide_screen(bool dark, bool phone)
    {
        await using var moving = Moving(InTrouble);
        await using var window = await browser.OpenAsync(_host.Address, dark: dark, phone: phone);
        await window.Page.GotoAsync("/operations");
        await Expect(window.Page.Locator("#picture-age")).ToHaveTextAsync("Live.");

        await window.AssertSoundAsync();
        Assert.Empty(await window.Page.EvaluateAsync<string[]>(FaintText));
        Assert.True(
            await window.Page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"),
            "The page is wider than the screen."
        );
        await window.ScreenshotAsync($"operations-{(dark ? "dark" : "light")}-{(phone ? "phone" : "wide")}");
    }

    // Axe does not look into SVG. The fill of each text is compared with that of the circle behind it, else with the
    // background of the nearest element that has one.
    private const string FaintText = """
        () => {
            const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
            const rgb = colour => {
                canvas.clearRect(0, 0, 1, 1);
                canvas.fillStyle = colour;
                canvas.fillRect(0, 0, 1, 1);
                return [...canvas.getImageData(0, 0, 1, 1).data];
            };
            const luminance = ([r, g, b]) => {
                const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
                return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
            };
            const behind = text => {
                const circle = text.classList.contains("node-note") ? null : text.parentElement.querySelector("circle");
                if (circle) {
                    return rgb(getComputedStyle(circle).fill);
                }
                for (let e = text; e; e = e.parentElement) {
                    const colour = rgb(getComputedStyle(e).backgroundColor);
                    if (colour[3] === 255) {
                        return colour;
                    }
                }
                return [255, 255, 255, 255];
            };
            return [...document.querySelectorAll("svg text")].flatMap(text => {
                const [a, b] = [luminance(rgb(getComputedStyle(text).fill)), luminance(behind(text))];
                const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                return contrast < 4.5 && text.textContent.trim() ? [`${text.textContent}: ${contrast.toFixed(2)}`] : [];
            });
        }
        """;

    private async Task<BrowserWindow> OpenAsync(bool script = true)
    {
        var window = await browser.OpenAsync(_host.Address, script);
        await window.Page.GotoAsync("/operations");
        return window;
    }

    private MovingRoom Moving(Func<DateTime, Picture> picture) => new(_host.Room, picture);

    private static Picture InTrouble(DateTime now) =>
        Pictures
            .Well(now)
            .With("products/1", p => p.Killed(now.AddSeconds(-12)))
            .With("products/2", p => p.InTerm("leader", 8))
            .With("products/4", p => p with { Applied = 118_000, Lag = 2_328 })
            .With(
                "customers/3",
                p => p with { State = ProcessState.Starting, Role = null, AnsweredAt = null, Database = null }
            )
            .With("seller-server/2", p => p with { State = ProcessState.Stopped, Pid = null, AnsweredAt = null }) with
        {
            Lab = new LabPicture(false, "5% loss, 10 ms delay", [new("customers/0", "customers/1", true, "perfect")]),
            Losses = new Dictionary<(string, string), double> { [("customers/1", "customers/4")] = 0.048 },
            Events =
            [
                new(1, now.AddSeconds(-90), EventKinds.Act, "20 processes are started"),
                new(2, now.AddSeconds(-80), EventKinds.Leader, "products: products/1 leads, term 7"),
                new(3, now.AddSeconds(-20), EventKinds.Network, "network: every link: 5% loss, 10 ms delay"),
                new(4, now.AddSeconds(-12), EventKinds.Act, "products/1 is killed, as 'kill products/leader' asked"),
                new(
                    5,
                    now.AddSeconds(-11),
                    EventKinds.Leader,
                    "products: products/2 leads, term 8 (before: products/1, term 7)"
                ),
                new(6, now.AddSeconds(-3), EventKinds.Down, "customers/3 was killed by signal 9; again in 0.1 s"),
            ],
        };

    private static DemonstrationPicture Running(DateTime now) =>
        new(
            DemonstrationKind.KillLeader,
            now,
            "Products/1 is killed and will be restarted. The others elect a leader.",
            null,
            true
        );

    private static DemonstrationPicture Over(DateTime now) =>
        new(
            DemonstrationKind.KillLeader,
            now,
            "No call failed. All 402 confirmed writes are there, none twice. "
                + "The longest pause was 0.93 s (writes to products).",
            new DemonstrationResult(
                "products/1 is killed and will be restarted",
                [
                    new("Writes to products", 190, 0, 4.2, 930, 190, 190),
                    new("Writes to customers", 212, 0, 5.1, 911, 212, 212),
                    new("Reads of products", 200, 0, 2.3, 870, null, null),
                    new("Reads of customers", 220, 0, 1.6, 12, null, null),
                ]
            ),
            false
        );
}
