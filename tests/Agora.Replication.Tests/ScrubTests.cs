using System.Text;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Replication.Scrubbing;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>Replicas whose state is not what the log says.</summary>
public sealed class ScrubTests
{
    private const string Name = "the price of a thing";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task All_replicas_look_at_the_same_position_while_commands_go_on(ReplicationEngine engine)
    {
        await using var group = await StartAsync(engine);
        using CancellationTokenSource enough = new();

        // So many at once that a scrub shares its position with other commands.
        var load = Task.WhenAll(Enumerable.Range(0, 32).Select(_ => LoadAsync(group, enough.Token)));
        for (var i = 0; i < 20; i++)
        {
            await TrySubmitAsync(group);
        }

        await UntilScrubbedAsync(group, () => CommonPosition(group) is not null);
        await enough.CancelAsync();
        await load;
        await group.EqualDigestsAsync();
        var position = CommonPosition(group)!.Value;
        var results = group
            .Running.Select(i => Scrubber(group, i).Results.Single(r => r.Position == position))
            .ToList();
        Assert.Single(results.Distinct());
        Assert.Null(results[0].Damage);
        Assert.All(group.Running, i => Assert.Null(group.Service<StateHealth>(i).Wrong));
    }

    [Fact]
    public async Task A_replica_scrubs_soon_after_its_start_and_then_at_intervals()
    {
        await using var group = await StartAsync(
            ReplicationEngine.Raft,
            new ScrubSettings { FirstAfter = TimeSpan.FromMilliseconds(100), Interval = TimeSpan.FromMilliseconds(200) }
        );
        await Group.EventuallyAsync(() =>
            Task.FromResult(
                group.Running.All(i => Scrubber(group, i).Results.Select(r => r.Position).Distinct().Count() > 1)
                    ? true
                    : (bool?)null
            )
        );
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft)]
    [InlineData(ReplicationEngine.RotatingSequencer)]
    public async Task A_replica_with_a_flipped_bit_stops_and_comes_back_from_the_others_with_the_right_state(
        ReplicationEngine engine
    )
    {
        await using var group = await StartAsync(engine);
        await FillAsync(group);
        var odd = group.Running.First(i => group.Replicator(i).Status.Role != "leader");
        Flip(group, odd);
        Assert.Equal(0, Ledger.Value(group.Store(odd), Name));
        await UntilScrubbedAsync(group, () => group.Service<StateHealth>(odd).Wrong is not null);
        Assert.Throws<ReplicaUnavailableException>(() => group.Service<StateHealth>(odd).ThrowIfWrong());
        await group.ShutdownAsync(odd);
        var reason = await Assert.ThrowsAsync<FixableException>(() => group.StopAsync(odd));
        Assert.Contains("differs from that of most replicas", reason.Message, StringComparison.Ordinal);

        await group.StartAsync(odd);
        Assert.Equal(1, await group.ReadAsync(odd, Name));
        await group.EqualDigestsAsync();
        var aside = Assert.Single(Directory.GetDirectories(group.DirectoryOf(odd, "set-aside")));
        Assert.True(File.Exists(Path.Combine(aside, ReplicatedStore.FileName)));
        Assert.Contains("position", await File.ReadAllTextAsync(Path.Combine(aside, SetAside.ReasonName), Cancelled));
        await UntilScrubbedAsync(group, () => Scrubber(group, odd).Results.Count > 0);
        Assert.Null(group.Service<StateHealth>(odd).Wrong);
    }

    [Fact]
    public async Task Where_no_majority_agrees_all_say_so_and_go_on()
    {
        await using var group = await StartAsync(ReplicationEngine.Raft);
        await FillAsync(group);
        var leader = await group.LeaderAsync();
        foreach (var (i, replica) in group.Running.Where(r => r != leader).Index())
        {
            Flip(group, replica, (byte)('0' + i));
        }

        await UntilScrubbedAsync(
            group,
            () => group.Running.All(i => group.Service<StateHealth>(i) is { Note: not null, Wrong: null })
        );
        Assert.Equal(2, await group.CountAsync(Name));
    }

    /// <summary>Where the directory cannot be condemned, the process stays.</summary>
    [Fact]
    public async Task What_is_wrong_is_given_to_nobody_but_says_how_it_is()
    {
        await using var group = await Group.StartAsync(ReplicationEngine.Raft, 3);
        await File.WriteAllTextAsync(group.DirectoryOf(0, SetAside.DirectoryName), "not a directory", Cancelled);
        using var channel = Channel(group, 0);
        RaftPeer.RaftPeerClient raft = new(channel);
        StandingRequest standing = new() { Place = group.Raft(1).Check.Place };
        await raft.GetStandingAsync(standing, cancellationToken: Cancelled);
        group.Service<StateHealth>(0).MarkWrong("a test says so");
        var unary = await Assert.ThrowsAsync<RpcException>(async () =>
            await raft.GetStandingAsync(standing, cancellationToken: Cancelled)
        );
        using var fetch = raft.FetchState(new FetchStateRequest(), cancellationToken: Cancelled);
        var stream = await Assert.ThrowsAsync<RpcException>(() => fetch.ResponseStream.MoveNext(Cancelled));
        Assert.All([unary, stream], refusal => Assert.Equal(StatusCode.Unavailable, refusal.StatusCode));
        var status = await new Replica.ReplicaClient(channel).GetStatusAsync(
            new StatusRequest(),
            cancellationToken: Cancelled
        );
        Assert.False(status.Ready);
        Assert.Equal("a test says so", Assert.Single(status.Details.Problems));
    }

    [Fact]
    public void A_flipped_bit_in_an_index_is_damage()
    {
        using TemporaryDirectory directory = new();
        using (var store = ReplicatedStore.Open(directory["replica"], new Indexed()))
        {
            var replies = new ReadOnlyMemory<byte>[1];
            store.Apply(0, [Ledger.Count("Abraham")], replies);
        }

        var path = Path.Combine(directory["replica"], ReplicatedStore.FileName);
        Assert.Null(Pass(path)!.Damage);
        var whole = Pass(path)!.Sha256;

        // Once in the table, once in the index; either may come first.
        var file = File.ReadAllBytes(path);
        foreach (var at in Places(file, "Abraham"u8))
        {
            var damaged = (byte[])file.Clone();
            damaged[at] ^= 4;
            File.WriteAllBytes(path, damaged);
            var found = Pass(path)!;
            Assert.True(found.Damage is not null || found.Sha256 != whole, $"a bit at {at}");
            Assert.NotNull(found.Damage);
        }
    }

    [Fact]
    public void A_pass_that_takes_too_long_is_given_up()
    {
        using TemporaryDirectory directory = new();
        using var store = ReplicatedStore.Open(directory["replica"], new Ledger());
        var commands = Enumerable.Range(0, 5000).Select(i => Ledger.Count($"{i}")).ToArray();
        store.Apply(commands.Length - 1, commands, new ReadOnlyMemory<byte>[commands.Length]);
        using var frozen = store.Freeze();
        Assert.Null(ScrubPass.Run(frozen, TimeSpan.Zero, out _, Cancelled));
    }

    private static ScrubResult? Pass(string path)
    {
        using var frozen = FrozenState.Of(path);
        return ScrubPass.Run(frozen, TimeSpan.FromMinutes(1), out _, Cancelled);
    }

    private static Task<Group> StartAsync(ReplicationEngine engine, ScrubSettings? settings = null) =>
        Group.StartAsync(
            engine,
            3,
            configure: (builder, _) =>
                builder.Services.AddSingleton(
                    (settings ?? new ScrubSettings { FirstAfter = TimeSpan.FromHours(1) }) with
                    {
                        Tick = TimeSpan.FromMilliseconds(20),
                        RestFactor = 0,
                        MaxExchange = TimeSpan.FromSeconds(20),
                    }
                )
        );

    private static async Task FillAsync(Group group)
    {
        Assert.Equal(1, await group.CountAsync(Name));
        await group.EqualDigestsAsync();

        // Out of the WAL, into the file.
        foreach (var i in group.Running)
        {
            group.Store(i).Flush();
        }
    }

    // In every place where the name stands, so that it does not matter which page is read.
    private static void Flip(Group group, int replica, byte last = (byte)'!')
    {
        var path = group.DirectoryOf(replica, ReplicatedStore.FileName);
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        var places = Places(bytes, Encoding.UTF8.GetBytes(Name));
        Assert.NotEmpty(places);
        foreach (var at in places)
        {
            file.Position = at + Name.Length - 1;
            file.WriteByte(last);
        }
    }

    private static List<int> Places(byte[] bytes, ReadOnlySpan<byte> text)
    {
        List<int> places = [];
        for (var at = 0; bytes.AsSpan(at).IndexOf(text) is var next and >= 0; at += next + 1)
        {
            places.Add(at + next);
        }

        return places;
    }

    private static async Task UntilScrubbedAsync(Group group, Func<bool> isSo) =>
        await Group.EventuallyAsync(async () =>
        {
            foreach (var i in group.Running)
            {
                await Scrubber(group, i).TrySubmitAsync(Cancelled);
            }

            return isSo() ? true : (bool?)null;
        });

    // Beside the scrubber, which orders no second scrub while it works on one.
    private static async Task TrySubmitAsync(Group group)
    {
        try
        {
            await group.Replicator(group.Running.First()).SubmitAsync(Command.Scrub(), Cancelled);
        }
        catch (ReplicaUnavailableException)
        {
            // Another replica leads.
        }
    }

    private static async Task LoadAsync(Group group, CancellationToken enough)
    {
        for (var i = 0; !enough.IsCancellationRequested; i++)
        {
            await group.CountAsync($"{i % 100}");
        }
    }

    private static long? CommonPosition(Group group) =>
        group
            .Running.SelectMany(i => Scrubber(group, i).Results.Select(r => r.Position))
            .GroupBy(position => position)
            .FirstOrDefault(same => same.Count() == 3)
            ?.Key;

    private static Scrubber Scrubber(Group group, int replica) => group.Service<Scrubber>(replica);

    private static GrpcChannel Channel(Group group, int replica) =>
        GrpcChannel.ForAddress($"http://127.0.0.1:{group.Definition.Replicas[replica].GrpcPort}");

    /// <summary>A table with an index.</summary>
    private sealed class Indexed : IStateMachine
    {
        private SqliteConnection? _writer;

        public string Schema =>
            """
                CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, name TEXT);
                CREATE INDEX IF NOT EXISTS people_by_name ON people (name);
                """;

        public void Open(SqliteConnection writer) => _writer = writer;

        public byte[] Apply(in Command command, out bool keep)
        {
            keep = true;
            _writer!
                .Prepared("INSERT INTO people (name) VALUES (?1)")
                .Run(Encoding.UTF8.GetString(command.Payload.Span));
            return [1];
        }

        public byte[] Repeat(in Command command, byte[]? reply) => reply ?? [];
    }
}
