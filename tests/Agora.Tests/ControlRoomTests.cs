using Agora.Cluster;
using Agora.Launcher;
using Agora.Operations;
using Agora.Web.Operations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Tests;

/// <summary>How the cluster is looked at for all who watch, here without a supervisor.</summary>
public sealed class ControlRoomTests : IAsyncLifetime
{
    private readonly Scratch _scratch = new();
    private readonly WebApplication _server;
    private int _asked;

    public ControlRoomTests()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.Run(http =>
        {
            if (http.Request.Path == "/health/live")
            {
                Interlocked.Increment(ref _asked);
            }

            return Task.CompletedTask;
        });
    }

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await _server.StartAsync(CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _scratch.Dispose();
    }

    [Fact]
    public async Task However_many_watch_the_processes_are_asked_once_a_picture()
    {
        const int Watchers = 20;
        await using var room = Room(TimeProvider.System);
        HashSet<Picture> pictures = new(ReferenceEqualityComparer.Instance);

        await Task.WhenAll(
            Enumerable
                .Range(0, Watchers)
                .Select(async _ =>
                {
                    await foreach (var picture in room.WatchAsync(CancellationToken).Take(3))
                    {
                        lock (pictures)
                        {
                            pictures.Add(picture);
                        }
                    }
                })
        );

        // Besides, it connects first, and finds out once whether everything is served.
        Assert.InRange(pictures.Count, 3, 5);
        Assert.InRange(Volatile.Read(ref _asked), 3, pictures.Count + 3);
    }

    [Fact]
    public async Task When_nobody_looks_any_more_nothing_is_asked()
    {
        FakeTimeProvider time = new(DateTimeOffset.UtcNow);
        await using var room = Room(time);
        await room.LookAsync(CancellationToken);
        Assert.True(room.IsLooking);

        await Scratch.UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return !room.IsLooking;
            },
            "the looking ends"
        );

        await room.LookAsync(CancellationToken);
        Assert.True(room.IsLooking);
    }

    [Fact]
    public async Task Without_a_supervisor_the_processes_are_asked_and_nothing_can_be_done()
    {
        await using var room = Room(TimeProvider.System);

        var picture = await room.LookAsync(CancellationToken);

        Assert.Equal(
            ["buyer-server/0"],
            picture.Status.Processes.Where(p => p.State == ProcessState.Running).Select(p => p.Name)
        );
        Assert.Contains("No supervisor runs on this host", picture.CannotAct, StringComparison.Ordinal);
        Assert.False((await room.ActAsync(ProcessAct.Kill, "products/0", CancellationToken)).Done);
        Assert.False((await room.ActAsync(new NetworkAct(Heal: true), CancellationToken)).Done);
        Assert.False((await room.DemonstrateAsync(DemonstrationKind.KillLeader, CancellationToken)).Done);
        Assert.Null(await room.LogAsync("products/0", CancellationToken));
        Assert.Null(await room.LogAsync("../../etc/passwd", CancellationToken));
    }

    [Fact]
    public async Task Without_a_supervisor_what_changes_from_look_to_look_is_noted()
    {
        await using var room = Room(TimeProvider.System);
        await room.LookAsync(CancellationToken);
        await _server.StopAsync(CancellationToken);

        await foreach (var picture in room.WatchAsync(CancellationToken))
        {
            if (picture.Events is [{ Kind: EventKinds.Down, Text: "buyer-server/0 is unreachable" }])
            {
                return;
            }
        }
    }

    private ControlRoom Room(TimeProvider time)
    {
        var cluster = Scratch.SmallCluster();
        return new ControlRoom(
            new DataDirectory(_scratch.Root),
            cluster with
            {
                BuyerServers = new() { Replicas = [new() { Port = new Uri(_server.Urls.First()).Port }] },
            },
            identity: null,
            time,
            NullLogger<ControlRoom>.Instance
        );
    }
}
