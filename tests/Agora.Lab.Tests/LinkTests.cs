namespace Agora.Lab.Tests;

/// <summary>A link's decisions follow only from its seed and its conditions.</summary>
public sealed class LinkTests
{
    private const int Many = 20_000;

    private static readonly LinkConditions s_bad = new()
    {
        Loss = 0.05,
        Delay = TimeSpan.FromMilliseconds(10),
        Jitter = TimeSpan.FromMilliseconds(2),
        Duplication = 0.02,
        Reordering = 0.1,
        HoldBack = TimeSpan.FromMilliseconds(4),
        Resets = 0.01,
        Stalls = 0.03,
        StallLength = TimeSpan.FromSeconds(1),
    };

    [Fact]
    public void The_same_seed_decides_the_same_about_every_datagram_and_chunk()
    {
        Link one = Bad(7),
            same = Bad(7),
            other = Bad(8);

        List<DatagramFate> datagrams = Datagrams(one),
            others = Datagrams(other);

        Assert.Equal(datagrams, Datagrams(same));
        Assert.NotEqual(datagrams, others);
        Assert.Equal(Chunks(one), Chunks(same));
    }

    [Fact]
    public void Decisions_are_the_same_in_every_version()
    {
        // The seed in a report must mean the same run in later versions.
        var link = Bad(1);
        int[] lost = [.. Enumerable.Range(0, 200).Where(_ => !link.NextDatagram().Arrives)];

        Assert.Equal([7, 13, 20, 45, 46, 65, 68, 75, 145, 150, 155, 175], lost);
    }

    [Fact]
    public void Every_link_has_its_own_random_numbers()
    {
        FaultyNetwork network = new(7);
        network.Set(s_bad);

        Assert.NotEqual(Datagrams(network.Between("a", "b")), Datagrams(network.Between("b", "a")));
        Assert.Same(network.Between("a", "b"), network.Between("a", "b"));
    }

    [Fact]
    public void A_datagrams_random_numbers_do_not_depend_on_the_conditions_before_it()
    {
        FaultyNetwork steady = new(7),
            changing = new(7);
        steady.Set(s_bad);
        changing.Set(new LinkConditions { Loss = 1 });
        Link a = steady.Between("a", "b"),
            b = changing.Between("a", "b");
        for (var i = 0; i < 1_000; i++)
        {
            a.NextDatagram();
            b.NextDatagram();
        }

        changing.Cut(_ => true);
        for (var i = 0; i < 1_000; i++)
        {
            a.NextDatagram();
            Assert.False(b.NextDatagram().Arrives);
        }

        changing.Heal(_ => true);
        changing.Set(s_bad);

        Assert.Equal(Datagrams(a), Datagrams(b));
    }

    [Fact]
    public void Datagrams_meet_the_shares_and_times_that_were_set()
    {
        var link = Bad(7);

        var fates = Datagrams(link);

        List<DatagramFate> arrived = [.. fates.Where(f => f.Arrives)];
        Near(s_bad.Loss, 1 - ((double)arrived.Count / Many));
        Near(s_bad.Duplication, arrived.Count(f => f.CopyDelay is not null) / (double)arrived.Count);
        Near(s_bad.Reordering, link.Counts.HeldBack / (double)arrived.Count);
        Assert.All(arrived, f => Assert.InRange(f.Delay, s_bad.Delay, s_bad.Delay + s_bad.Jitter + s_bad.HoldBack));
        Assert.Contains(arrived, f => f.Delay > s_bad.Delay + s_bad.Jitter);
        Assert.Equal((arrived.Count, Many - arrived.Count), (link.Counts.Passed, link.Counts.Lost));
    }

    [Fact]
    public void A_streams_lost_segment_costs_the_time_of_its_repair()
    {
        FaultyNetwork network = new(7);
        network.Set(new LinkConditions { Loss = 0.05, Delay = TimeSpan.FromMilliseconds(10) });
        var link = network.Between("a", "b");

        List<ChunkFate> small = [.. Enumerable.Range(0, Many).Select(_ => link.NextChunk(100))];
        List<ChunkFate> large = [.. Enumerable.Range(0, Many).Select(_ => link.NextChunk(8 << 10))];

        Assert.DoesNotContain(small, f => f.Reset);
        Near(0.95, small.Count(f => f.Delay == TimeSpan.FromMilliseconds(10)) / (double)Many);
        Near(0.05 * 0.95, small.Count(f => f.Delay == TimeSpan.FromMilliseconds(10 + 20 + 200)) / (double)Many);
        Near(
            0.05 * 0.05 * 0.95,
            small.Count(f => f.Delay == TimeSpan.FromMilliseconds(10 + 20 + 200 + 20 + 400)) / (double)Many
        );
        Near(
            (1 - Math.Pow(0.95, 5)) * 0.95,
            large.Count(f => f.Delay == TimeSpan.FromMilliseconds(10 + 20)) / (double)Many
        );
    }

    [Fact]
    public void Streams_are_reset_and_stall_as_often_as_was_set()
    {
        var link = Bad(7);

        var fates = Chunks(link);

        Near(s_bad.Resets, fates.Count(f => f.Reset) / (double)Many);
        Near(s_bad.Stalls, fates.Count(f => f.Delay >= s_bad.Delay + s_bad.StallLength) / (double)Many);
    }

    [Fact]
    public void A_perfect_link_does_nothing()
    {
        var link = new FaultyNetwork(7).Between("a", "b");

        Assert.All(Datagrams(link), f => Assert.Equal(new DatagramFate(true, TimeSpan.Zero, null), f));
        Assert.All(Chunks(link), f => Assert.Equal(new ChunkFate(TimeSpan.Zero, false), f));
        Assert.Equal("perfect", link.Conditions.ToString());
    }

    [Fact]
    public void Conditions_say_in_words_what_they_are() =>
        Assert.Equal(
            "5% loss, 10 ms delay + up to 2 ms jitter, 2% doubled, 10% held back by up to 4 ms, "
                + "1% of chunks reset, 3% of chunks stalled for 1000 ms",
            s_bad.ToString()
        );

    [Theory]
    [InlineData(-0.1, 0)]
    [InlineData(1.1, 0)]
    [InlineData(double.NaN, 0)]
    [InlineData(0, -1)]
    [InlineData(0, 11_000)]
    public void Impossible_conditions_are_refused(double loss, int delay) =>
        Assert.Throws<ArgumentException>(() =>
            new FaultyNetwork(7).Set(new LinkConditions { Loss = loss, Delay = TimeSpan.FromMilliseconds(delay) })
        );

    [Fact]
    public async Task A_cut_link_completes_a_task_when_it_is_healed()
    {
        FaultyNetwork network = new(7);
        Link link = network.Between("a", "b"),
            other = network.Between("b", "a");
        Assert.True(link.WhenHealed.IsCompleted);

        Assert.Equal(1, network.Cut(l => l.From == "a"));
        var healed = link.WhenHealed;
        Assert.True(link.IsCut);
        Assert.False(healed.IsCompleted);
        Assert.False(other.IsCut);

        Assert.Equal(1, network.Heal(_ => true));
        await healed;
        Assert.False(link.IsCut);
        Assert.Equal(0, network.Heal(_ => true));
    }

    [Fact]
    public void Only_the_chosen_links_change()
    {
        FaultyNetwork network = new(7);
        Link one = network.Between("a", "b"),
            other = network.Between("a", "c");

        network.Set(s_bad, l => l.To == "b");

        Assert.Equal(s_bad, one.Conditions);
        Assert.True(other.Conditions.IsPerfect);
        Assert.True(network.Conditions.IsPerfect);
    }

    private static Link Bad(ulong seed)
    {
        FaultyNetwork network = new(seed);
        network.Set(s_bad);
        return network.Between("a", "b");
    }

    private static List<DatagramFate> Datagrams(Link link) =>
        [.. Enumerable.Range(0, Many).Select(_ => link.NextDatagram())];

    private static List<ChunkFate> Chunks(Link link) => [.. Enumerable.Range(0, Many).Select(_ => link.NextChunk(100))];

    // Within five standard deviations.
    private static void Near(double expected, double actual) =>
        Assert.InRange(
            actual,
            expected - (5 * Math.Sqrt(expected * (1 - expected) / Many)),
            expected + (5 * Math.Sqrt(expected * (1 - expected) / Many))
        );
}
