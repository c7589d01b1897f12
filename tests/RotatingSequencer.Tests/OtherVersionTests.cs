using System.Net;
using System.Net.Sockets;
using Agora.Testing;
using RotatingSequencer.Hosting;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests;

/// <summary>
/// Datagrams of another version are dropped, and the operator reads of it. They cannot be verified, so
/// what is said of them is a hint.
/// </summary>
public sealed class OtherVersionTests
{
    private const long Second = 1_000_000;
    private const byte Other = Datagram.Version + 1;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_hint_names_the_version_until_no_more_come()
    {
        OtherVersions versions = new(self: 0, members: 3);
        Assert.Null(versions.Of(1, heard: -1, now: 0));

        versions.Note(Of(Other, sender: 1), now: Second);

        Assert.Equal(Other, versions.Of(1, heard: -1, now: Second));
        Assert.Equal(Other, versions.Of(1, heard: -1, now: Second + OtherVersions.Kept));
        Assert.Null(versions.Of(1, heard: -1, now: Second + OtherVersions.Kept + 1));
        Assert.Null(versions.Of(2, heard: -1, now: Second));
    }

    [Fact]
    public void The_last_datagram_counts()
    {
        OtherVersions versions = new(self: 0, members: 3);

        versions.Note(Of(1, sender: 2), now: 0);
        versions.Note(Of(byte.MaxValue, sender: 2), now: Second);

        Assert.Equal(byte.MaxValue, versions.Of(2, heard: -1, now: Second));
    }

    [Fact]
    public void A_hint_counts_for_nothing_while_the_member_itself_is_heard()
    {
        OtherVersions versions = new(self: 0, members: 3);
        versions.Note(Of(Other, sender: 1), now: 5 * Second);

        Assert.Null(versions.Of(1, heard: 2 * Second, now: 5 * Second));
        Assert.Equal(Other, versions.Of(1, heard: (2 * Second) - 1, now: 5 * Second));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(255)]
    public void A_sender_that_is_no_other_member_is_not_noted(byte sender)
    {
        OtherVersions versions = new(self: 0, members: 3);

        versions.Note(Of(Other, sender), now: 0);

        Assert.All(Enumerable.Range(0, 3), member => Assert.Null(versions.Of(member, heard: -1, now: 0)));
    }

    [Fact]
    public void Only_what_looks_like_a_datagram_of_the_protocol_counts()
    {
        Assert.True(OtherVersions.Is(Of(Other, sender: 1)));
        Assert.False(OtherVersions.Is(Of(Datagram.Version, sender: 1)));
        Assert.False(OtherVersions.Is(Of(Other, sender: 1).AsSpan(0, Datagram.HeaderLength - 1)));
        Assert.False(OtherVersions.Is([]));
        var foreign = Of(Other, sender: 1);
        foreign[1] = (byte)'T';
        Assert.False(OtherVersions.Is(foreign));
    }

    [Fact]
    public async Task An_operator_reads_once_in_whose_name_they_come_until_the_member_is_heard()
    {
        var addresses = FreePorts.TakeEndPoints(2);
        RecordedLog log = new();
        await using var member = await Member.StartAsync(OptionsOf(addresses, 0, log), new Sink(), Cancellation);
        using (Socket stranger = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        {
            await stranger.SendToAsync(Of(Other, sender: 1), addresses[0]);
            await log.WaitForAsync(
                $"Member 0: datagrams of version {Other} come in the name of member 1 ({addresses[1]}), and this "
                    + $"program speaks version {Member.DatagramVersion}.",
                Cancellation
            );
            Assert.Equal(Other, Assert.Single(member.Details.Peers).OtherVersion);

            await stranger.SendToAsync(Of(Other + 1, sender: 1), addresses[0]);
            await UntilAsync(() => Assert.Single(member.Details.Peers).OtherVersion == Other + 1);
        }

        await using var peer = await Member.StartAsync(
            OptionsOf(addresses, 1, new RecordedLog()),
            new Sink(),
            Cancellation
        );
        await member.BroadcastAsync(new byte[1], Cancellation);
        Assert.Null(Assert.Single(member.Details.Peers).OtherVersion);
        Assert.Single(log.Texts, text => text.Contains("in the name of", StringComparison.Ordinal));
    }

    private static byte[] Of(byte version, byte sender) =>
        [(byte)'R', (byte)'S', version, sender, .. new byte[Datagram.HeaderLength]];

    private static async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await Task.Delay(10, Cancellation);
        }
    }

    private static MemberOptions OptionsOf(IReadOnlyList<IPEndPoint> addresses, int id, RecordedLog log) =>
        new()
        {
            Id = id,
            Members = addresses,
            GroupKey = "a key that only tests know"u8.ToArray(),
            Logger = log,
        };

    private sealed class Sink : IDeliveryHandler
    {
        public long Applied => -1;

        public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results) { }

        public bool TryFlush() => false;
    }
}
