using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Agora.Testing;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests;

/// <summary>Members as programs use them: real UDP on the loopback interface, real journals.</summary>
public sealed class MemberTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(5, false)]
    [InlineData(5, true)]
    public async Task All_members_deliver_the_same_in_the_same_order(int members, bool journal)
    {
        await using var group = await MemberGroup.StartAsync(members, journal ? _directory : null);

        await Task.WhenAll(
            Enumerable
                .Range(0, members)
                .SelectMany(m =>
                    Enumerable
                        .Range(0, 100)
                        .Select(async i =>
                        {
                            var result = await group[m]
                                .BroadcastAsync(Encoding.UTF8.GetBytes($"{m}/{i}"), Cancellation);
                            Assert.Equal($"done {m}/{i}", Encoding.UTF8.GetString(result.Span));
                        })
                )
        );

        foreach (var m in Enumerable.Range(0, members))
        {
            await group[m].ReadBarrierAsync(Cancellation);
            Assert.Equal(100 * members, group.Histories[m].Count);
            Assert.Equal(group.Histories[0].Texts, group.Histories[m].Texts);
        }
    }

    [Fact]
    public async Task A_payload_of_a_mebibyte_is_cut_and_put_together_again()
    {
        await using var group = await MemberGroup.StartAsync(3, null);
        var payload = RandomNumberGenerator.GetBytes(1 << 20);

        var result = await group[1].BroadcastAsync(payload, Cancellation);

        Assert.Equal(5 + payload.Length, result.Length);
        Assert.True(result.Span[5..].SequenceEqual(payload));
    }

    [Fact]
    public async Task Members_go_on_from_their_journals_and_deliver_nothing_twice()
    {
        var histories = Enumerable.Range(0, 3).Select(_ => new Recorder()).ToArray();
        for (var life = 0; life < 3; life++)
        {
            await using var group = await MemberGroup.StartAsync(3, _directory, histories);
            for (var i = 0; i < 20; i++)
            {
                await group[i % 3].BroadcastAsync(Encoding.UTF8.GetBytes($"{life}/{i}"), Cancellation);
            }

            await Task.WhenAll(group.Members.Select(m => m.ReadBarrierAsync(Cancellation)));
        }

        Assert.Equal(60, histories[0].Texts.Distinct().Count());
        Assert.All(histories, h => Assert.Equal(histories[0].Texts, h.Texts));
        Assert.Equal(60, histories[0].Count);
    }

    [Fact]
    public async Task A_journal_that_is_replaced_still_holds_enough()
    {
        // Several times what the windows of the three may hold.
        const int Payloads = 2_000;
        var histories = Enumerable.Range(0, 3).Select(_ => new Recorder()).ToArray();
        var payload = new byte[20_000];
        await using (
            var group = await MemberGroup.StartAsync(
                3,
                _directory,
                histories,
                o => o with { MaxJournalGrowth = 1 << 18 }
            )
        )
        {
            await Task.WhenAll(
                Enumerable.Range(0, Payloads).Select(i => group[i % 3].BroadcastAsync(payload, Cancellation))
            );
            await Task.WhenAll(group.Members.Select(m => m.ReadBarrierAsync(Cancellation)));
        }

        Assert.All(histories, h => Assert.NotEqual(0, h.Flushes));
        var journals = new DirectoryInfo(_directory).GetFiles("journal-*", SearchOption.AllDirectories);
        Assert.Equal(3, journals.Length);
        Assert.All(journals, j => Assert.InRange(j.Length, 1, Payloads * payload.Length / 2));
        await using var again = await MemberGroup.StartAsync(3, _directory, histories);
        await again[0].BroadcastAsync(payload, Cancellation);
        await Task.WhenAll(again.Members.Select(m => m.ReadBarrierAsync(Cancellation)));
        Assert.All(histories, h => Assert.Equal(Payloads + 1, h.Count));
    }

    [Fact]
    public async Task A_member_whose_journal_was_lost_stops_instead_of_reusing_numbers()
    {
        var handlers = Enumerable.Range(0, 3).Select(_ => new Recorder()).ToArray();
        await using (var group = await MemberGroup.StartAsync(3, _directory, handlers))
        {
            await group[0].BroadcastAsync(new byte[10], Cancellation);
            await Task.WhenAll(group.Members.Select(m => m.ReadBarrierAsync(Cancellation)));
        }

        Directory.Delete(Path.Combine(_directory, "0"), recursive: true);

        await Assert.ThrowsAsync<JournalLostException>(() => MemberGroup.StartAsync(3, _directory, handlers));
    }

    [Fact]
    public async Task Strangers_datagrams_change_nothing()
    {
        await using var group = await MemberGroup.StartAsync(3, null);
        using var stranger = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Dgram,
            System.Net.Sockets.ProtocolType.Udp
        );
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            var datagram = new byte[random.Next(0, 2_000)];
            random.NextBytes(datagram);
            stranger.SendTo(datagram, group.Addresses[i % 3]);
        }

        await group[0].BroadcastAsync(new byte[1], Cancellation);

        Assert.Equal(1, group.Histories[0].Count);
        Assert.All(group.Members, m => Assert.False(m.Completion.IsCompleted));
    }

    [Fact]
    public async Task A_datagram_that_is_longer_than_any_member_sends_is_dropped_unread_even_with_the_groups_seal()
    {
        await using var group = await MemberGroup.StartAsync(3, null);
        using var stranger = new Socket(
            AddressFamily.InterNetwork,
            SocketType.Dgram,
            System.Net.Sockets.ProtocolType.Udp
        );
        var datagram = new byte[1_400 + 1];
        new Seal("a key that only tests know"u8.ToArray()).Close(datagram, 0, datagram.Length - Seal.Length);
        long oversized = 0;
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "rotating_sequencer.datagrams.dropped.oversized")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<long>((_, value, _, _) => oversized += value);
        meters.Start();

        // Datagrams may be lost, so it is sent until it was counted.
        for (var i = 0; i < 1_000 && oversized == 0; i++)
        {
            stranger.SendTo(datagram, group.Addresses[0]);
            await group[0].BroadcastAsync(new byte[1], Cancellation);
            meters.RecordObservableInstruments();
        }

        Assert.NotEqual(0, oversized);
        Assert.All(group.Members, m => Assert.False(m.Completion.IsCompleted));
    }

    [Fact]
    public async Task Calls_that_wait_fail_when_their_member_stops()
    {
        await using var group = await MemberGroup.StartAsync(3, null);
        await group[1].DisposeAsync();
        var waiting = group[0].BroadcastAsync(new byte[1], Cancellation);

        await group[0].DisposeAsync();

        await Assert.ThrowsAsync<MemberStoppedException>(() => waiting);
        await Assert.ThrowsAsync<MemberStoppedException>(() => group[0].BroadcastAsync(new byte[1], Cancellation));
        await Assert.ThrowsAsync<MemberStoppedException>(() => group[0].ReadBarrierAsync(Cancellation));
    }

    [Fact]
    public async Task A_submitter_is_refused_when_too_much_waits()
    {
        await using var group = await MemberGroup.StartAsync(3, null, configure: o => o with { MaxWaiting = 10 });
        await group[1].DisposeAsync();
        await group[2].DisposeAsync();
        for (var i = 0; i < 10; i++)
        {
            _ = group[0].BroadcastAsync(new byte[1], CancellationToken.None);
        }

        await Assert.ThrowsAsync<OverloadedException>(() => group[0].BroadcastAsync(new byte[1], Cancellation));
    }

    private sealed class Recorder : IDeliveryHandler
    {
        private readonly ConcurrentQueue<(long Number, string Text)> _history = new();

        public long Applied { get; private set; } = -1;

        public int Flushes { get; private set; }

        public int Count => _history.Count;

        public IEnumerable<string> Texts => _history.Select(h => h.Text);

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
        {
            for (var i = 0; i < deliveries.Length; i++)
            {
                var payload = deliveries[i].Payload.Span;
                _history.Enqueue(
                    (
                        deliveries[i].Number,
                        payload.Length < 100
                            ? Encoding.UTF8.GetString(payload)
                            : Convert.ToHexString(SHA256.HashData(payload))
                    )
                );
                byte[] result = [.. "done "u8, .. payload];
                results[i] = result;
            }

            Applied = deliveries[^1].Number;
        }

        public bool TryFlush()
        {
            // Every other time it cannot.
            return ++Flushes % 2 == 0;
        }
    }

    private sealed class MemberGroup : IAsyncDisposable
    {
        public required Member[] Members { get; init; }
        public required Recorder[] Histories { get; init; }
        public required IPEndPoint[] Addresses { get; init; }

        public Member this[int id] => Members[id];

        public static async Task<MemberGroup> StartAsync(
            int members,
            string? directory,
            Recorder[]? recorders = null,
            Func<MemberOptions, MemberOptions>? configure = null
        )
        {
            recorders ??= [.. Enumerable.Range(0, members).Select(_ => new Recorder())];
            var addresses = FreePorts.TakeEndPoints(members);
            var started = new List<Member>();
            try
            {
                for (var id = 0; id < members; id++)
                {
                    var options = new MemberOptions
                    {
                        Id = id,
                        Members = addresses,
                        GroupKey = "a key that only tests know"u8.ToArray(),
                        JournalDirectory = directory is null ? null : Path.Combine(directory, $"{id}"),
                    };
                    started.Add(
                        await Member.StartAsync(configure?.Invoke(options) ?? options, recorders[id], Cancellation)
                    );
                }
            }
            catch
            {
                foreach (var member in started)
                {
                    await member.DisposeAsync();
                }

                throw;
            }

            return new MemberGroup
            {
                Members = [.. started],
                Histories = recorders,
                Addresses = addresses,
            };
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var member in Members)
            {
                await member.DisposeAsync();
            }
        }
    }
}
