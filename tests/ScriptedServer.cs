using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Agora.Testing;

/// <summary>A real HTTP server on a free port that records every request and answers as the test says.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ScriptedServer(WebApplication app) => _app = app;

    public sealed record Request(string Method, string PathAndQuery, string? Key, string? Authorization, string Body);

    public ConcurrentQueue<Request> Requests { get; } = new();

    public Uri Address { get; private set; } = null!;

    /// <summary>Answers the next requests.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = Responds(500, "{}");

    public static async Task<ScriptedServer> StartAsync(Func<HttpContext, Task>? answer = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new ScriptedServer(builder.Build());
        if (answer is not null)
        {
            server.Answer = answer;
        }

        server._app.Run(async context =>
        {
            var request = context.Request;
            using var reader = new StreamReader(request.Body);
            server.Requests.Enqueue(
                new(
                    request.Method,
                    request.Path + request.QueryString.Value,
                    request.Headers["Idempotency-Key"].SingleOrDefault(),
                    request.Headers.Authorization.SingleOrDefault(),
                    await reader.ReadToEndAsync()
                )
            );
            await server.Answer(context);
        });
        await server._app.StartAsync();
        server.Address = new Uri(server._app.Urls.Single());
        return server;
    }

    public static Func<HttpContext, Task> Responds(
        int status,
        string json,
        string type = "application/json",
        string? retryAfter = null
    ) =>
        context =>
        {
            context.Response.StatusCode = status;
            if (retryAfter is not null)
            {
                context.Response.Headers.RetryAfter = retryAfter;
            }

            if (json.Length == 0)
            {
                return Task.CompletedTask;
            }

            context.Response.ContentType = type;
            return context.Response.WriteAsync(json);
        };

    public static Func<HttpContext, Task> Refuses(int status, string code, string detail, string? retryAfter = null) =>
        Responds(
            status,
            $$"""{"status":{{status}},"code":"{{code}}","detail":"{{detail}}"}""",
            "application/problem+json",
            retryAfter
        );

    /// <summary>Reads the request and closes the connection without an answer, as a killed process does.</summary>
    public static Task Dies(HttpContext context)
    {
        context.Abort();
        return Task.CompletedTask;
    }

    /// <summary>Closes the connection in the middle of its answer.</summary>
    public static async Task DiesWhileAnswering(HttpContext context)
    {
        context.Response.ContentLength = 1000;
        await context.Response.WriteAsync("{\"lines\":");
        await context.Response.Body.FlushAsync();
        context.Abort();
    }

    /// <summary>Reads the request and never answers.</summary>
    public static async Task Hangs(HttpContext context) =>
        await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
            .ContinueWith(_ => { }, TaskScheduler.Default);

    /// <summary>From now on nothing listens at its address.</summary>
    public async Task StopAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _app.StopAsync(now.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _app.DisposeAsync();
    }
}
