using System.Globalization;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Agora.Web.Operations;

/// <summary>What each address under <c>/operations</c> answers.</summary>
/// <param name="room">What is shown and done.</param>
/// <param name="access">Who may act.</param>
/// <param name="key">The operator's key.</param>
/// <param name="time">The clock.</param>
/// <param name="self">The name of this process.</param>
internal sealed class OperationsFunctions(
    IControlRoom room,
    OperatorAccess access,
    OperatorKey key,
    TimeProvider time,
    string self
)
{
    private DateTime Now => time.GetUtcNow().UtcDateTime;

    public Task<IResult> ShowAsync(HttpContext http) => ShowAsync(http, isWrongKey: false);

    public async Task<IResult> ShowLogAsync(HttpContext http) =>
        access.Of(http) == Access.Look ? MayNot()
        : await room.LogAsync(Process(http), http.RequestAborted) is { } tail
            ? Pages.Render<LogPage>((nameof(LogPage.Tail), tail), (nameof(LogPage.Now), Now))
        : ErrorPages.Of(
            StatusCodes.Status404NotFound,
            "This host has no such log",
            "Each process writes its log on the host on which it runs, below the data directory of its supervisor."
        );

    public async Task<IResult> ActOnProcessAsync(HttpContext http)
    {
        if (access.Of(http) == Access.Look)
        {
            return MayNot();
        }

        var process = Process(http);
        ProcessAct? named = Value(http, "act") switch
        {
            "kill" => ProcessAct.Kill,
            "stop" => ProcessAct.Stop,
            "start" => ProcessAct.Start,
            "replace" => ProcessAct.Replace,
            _ => null,
        };
        if (named is not { } act)
        {
            return ErrorPages.OfStatus(StatusCodes.Status404NotFound);
        }

        if (process == self && act == ProcessAct.Kill)
        {
            // The answer must be there before the process is gone that gives it.
            http.Response.OnCompleted(() => room.ActAsync(act, process, CancellationToken.None));
            return Pages.Render<GonePage>((nameof(GonePage.Process), process));
        }

        return Answer(await room.ActAsync(act, process, http.RequestAborted), $"#process-{process.Replace('/', '-')}");
    }

    public async Task<IResult> SetNetworkAsync(HttpContext http)
    {
        if (access.Of(http) == Access.Look)
        {
            return MayNot();
        }

        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        return
            Number(form["loss"]) is { } loss and >= 0 and <= 100
            && Number(form["delay"]) is { } delay and >= 0 and <= 10_000
            ? Answer(
                await room.ActAsync(new NetworkAct(loss / 100, TimeSpan.FromMilliseconds(delay)), http.RequestAborted),
                "#lab"
            )
            : Refused("Loss goes from 0 to 100 percent, delay from 0 to 10,000 milliseconds.");
    }

    public async Task<IResult> CutAsync(HttpContext http)
    {
        if (access.Of(http) == Access.Look)
        {
            return MayNot();
        }

        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        return form["process"] is [{ Length: > 0 } process]
            ? Answer(await room.ActAsync(new NetworkAct(Cut: process), http.RequestAborted), "#lab")
            : Refused("Name the process to cut off.");
    }

    public async Task<IResult> HealAsync(HttpContext http) =>
        access.Of(http) == Access.Look
            ? MayNot()
            : Answer(await room.ActAsync(new NetworkAct(Heal: true), http.RequestAborted), "#lab");

    public async Task<IResult> DemonstrateAsync(HttpContext http)
    {
        if (access.Of(http) == Access.Look)
        {
            return MayNot();
        }

        return DemonstrationText.All.FirstOrDefault(d => d.Path == Value(http, "name")) is { } demonstration
            ? Answer(
                await room.DemonstrateAsync(demonstration.Kind, http.RequestAborted),
                $"#demonstration-{demonstration.Path}"
            )
            : ErrorPages.OfStatus(StatusCodes.Status404NotFound);
    }

    public async Task<IResult> EnterKeyAsync(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync(http.RequestAborted);
        if (!key.IsKey(form["key"]))
        {
            return await ShowAsync(http, isWrongKey: true);
        }

        http.Response.Cookies.Append(OperatorAccess.CookieName, key.Cookie, Cookie(http));
        return new SeeOther(OperationsEndpoints.Path + "#may");
    }

    public static Task<IResult> ForgetKeyAsync(HttpContext http)
    {
        http.Response.Cookies.Delete(OperatorAccess.CookieName, Cookie(http));
        return Task.FromResult<IResult>(new SeeOther(OperationsEndpoints.Path + "#may"));
    }

    private async Task<IResult> ShowAsync(HttpContext http, bool isWrongKey)
    {
        Picture picture;
        try
        {
            picture = await room.LookAsync(http.RequestAborted);
        }
        catch (TimeoutException)
        {
            return ErrorPages.Of(
                StatusCodes.Status503ServiceUnavailable,
                "There is no picture yet",
                "Neither the supervisor nor the processes have answered in time. Reload the page in a few seconds."
            );
        }

        var server =
            http.Request.Query["server"] is [{ } named]
            && picture.Status.Processes.Any(p => p.Name == named && FunctionView.Servers.Contains(p.Component))
                ? named
                : null;
        return Pages.Render<OperationsPage>(
            isWrongKey ? StatusCodes.Status403Forbidden : StatusCodes.Status200OK,
            (nameof(OperationsPage.Picture), picture),
            (nameof(OperationsPage.Now), Now),
            (nameof(OperationsPage.Access), access.Of(http)),
            (nameof(OperationsPage.Server), server),
            (nameof(OperationsPage.IsWrongKey), isWrongKey)
        );
    }

    // Lives until the browser is closed. Strict: a page of another site never makes the browser send it.
    private static CookieOptions Cookie(HttpContext http) =>
        new()
        {
            HttpOnly = true,
            SameSite = SameSiteMode.Strict,
            Secure = http.Request.IsHttps,
            Path = OperationsEndpoints.Path,
        };

    private static string Process(HttpContext http) => $"{Value(http, "component")}/{Value(http, "replica")}";

    private static string Value(HttpContext http, string name) => (string)http.GetRouteValue(name)!;

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static IResult Answer(ActAnswer answer, string anchor) =>
        answer.Done ? new SeeOther(OperationsEndpoints.Path + anchor) : Refused(answer.Message);

    private static IResult Refused(string why) =>
        ErrorPages.Of(StatusCodes.Status409Conflict, "This was not done", char.ToUpperInvariant(why[0]) + why[1..]);

    private static IResult MayNot() =>
        ErrorPages.Of(
            StatusCodes.Status403Forbidden,
            "Only an operator may do this",
            "Everybody may look. To act, and to read logs, open the control room on the machine itself, as localhost, "
                + "or enter the operator's key there at the bottom of the page."
        );

    /// <summary>Leads a browser that sent a form to a page, so that reloading sends nothing again.</summary>
    private sealed class SeeOther(string location) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = location;
            return Task.CompletedTask;
        }
    }
}
