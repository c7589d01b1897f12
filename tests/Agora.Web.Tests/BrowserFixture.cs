using System.Collections.Concurrent;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Agora.Web.Tests;

/// <summary>
/// The system's Chromium, started once for all tests. A test that needs it is skipped where there is none.
/// </summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    private const string Chromium = "/usr/bin/chromium";

    // Only a bug reaches this limit, even on a busy machine. Milliseconds.
    private const float MaxWait = 60_000;

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    /// <summary>A wide screen and a phone.</summary>
    public static (string Name, int Width, int Height)[] Screens { get; } = [("wide", 1280, 900), ("phone", 390, 844)];

    public async ValueTask InitializeAsync()
    {
        if (!File.Exists(Chromium))
        {
            return;
        }

        Assertions.SetDefaultExpectTimeout(MaxWait);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(
            new()
            {
                ExecutablePath = Chromium,
                // Chromium's sandbox does not work for root. The pages that it opens here are ours.
                Args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            }
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }

    /// <summary>A browser window of its own, without cookies, which collects what its pages complain of.</summary>
    public async Task<BrowserWindow> OpenAsync(Uri server, bool script = true, bool dark = false, bool phone = false)
    {
        Assert.SkipWhen(_browser is null, $"{Chromium} is not installed");
        var (_, width, height) = Screens[phone ? 1 : 0];
        var context = await _browser!.NewContextAsync(
            new()
            {
                BaseURL = server.ToString(),
                JavaScriptEnabled = script,
                ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light,
                ViewportSize = new() { Width = width, Height = height },
                HasTouch = phone,
                ReducedMotion = ReducedMotion.Reduce,
            }
        );
        context.SetDefaultTimeout(MaxWait);
        return new BrowserWindow(context, await context.NewPageAsync(), script);
    }
}

/// <summary>One window with one page.</summary>
public sealed class BrowserWindow : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly bool _hasScript;

    internal BrowserWindow(IBrowserContext context, IPage page, bool hasScript)
    {
        (_context, Page, _hasScript) = (context, page, hasScript);
        page.Console += (_, message) =>
        {
            // A refused form is answered with a status of 4xx, which the console reports too.
            if (
                message.Type is "error" or "warning"
                && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal)
            )
            {
                Complaints.Add(message.Text);
            }
        };
        page.PageError += (_, error) => Complaints.Add(error);
    }

    public IPage Page { get; }

    /// <summary>Errors of scripts and violations of the content security policy.</summary>
    public ConcurrentBag<string> Complaints { get; } = [];

    /// <summary>Keeps a picture of the whole page under <c>artifacts/screenshots</c>.</summary>
    public async Task ScreenshotAsync(string name) =>
        await Page.ScreenshotAsync(new() { Path = Path.Combine(Screenshots, name + ".png"), FullPage = true });

    /// <summary>
    /// Asserts that the page complains of nothing, and that axe finds nothing serious. Axe is a script, so it runs
    /// where scripts run.
    /// </summary>
    public async Task AssertSoundAsync()
    {
        Assert.Empty(Complaints);
        if (_hasScript)
        {
            var result = await Page.RunAxe();
            Assert.Empty(
                result
                    .Violations.Where(v => v.Impact is "serious" or "critical")
                    .Select(v => $"{Page.Url}: {v.Id}: {v.Help}: {string.Join("; ", v.Nodes.Select(n => n.Html))}")
            );
        }
    }

    public async ValueTask DisposeAsync() => await _context.DisposeAsync();

    private static string Screenshots { get; } = FindScreenshots();

    // The suite runs from artifacts/bin/<project>/release.
    private static string FindScreenshots()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (directory is not null && directory.Name != "artifacts")
        {
            directory = directory.Parent;
        }

        return Directory
            .CreateDirectory(Path.Combine(directory?.FullName ?? Path.GetTempPath(), "screenshots"))
            .FullName;
    }
}
