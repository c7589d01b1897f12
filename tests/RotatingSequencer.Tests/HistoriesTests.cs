using RotatingSequencer.Processes;

namespace RotatingSequencer.Tests;

/// <summary>The comparison of histories finds everything that can be wrong with them.</summary>
public sealed class HistoriesTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Equal_histories_with_all_that_was_acknowledged_are_right()
    {
        HistoryEntry[] history = [Entry(0, 1, 0, 0), Entry(0, 1, 0, 1), Entry(1, 0, 0, 0), Entry(4, 1, 2, 0)];
        Acknowledgement[] acknowledged = [new(new(1, 0, 1), 0), new(new(1, 2, 0), 4)];

        Assert.Null(Histories.Problem([history, history, history], acknowledged));
    }

    [Theory]
    [InlineData("another order", "delivered different things")]
    [InlineData("another number", "delivered different things")]
    [InlineData("a missing end", "delivered different things")]
    [InlineData("a duplicate", "follows")]
    [InlineData("a gap", "follows")]
    [InlineData("not first in, first out", "begins with")]
    [InlineData("an earlier life", "follows")]
    [InlineData("numbers that go down", "below")]
    [InlineData("lost", "is lost")]
    [InlineData("moved", "was acknowledged with number")]
    public void Every_wrong_history_is_found(string wrong, string problem)
    {
        HistoryEntry[] right = [Entry(0, 1, 1, 0), Entry(1, 0, 0, 0), Entry(2, 1, 1, 1)];
        var (one, other, acknowledged) = wrong switch
        {
            "another order" => (right, [right[1], right[0], right[2]], []),
            "another number" => (right, [right[0], right[1], Entry(3, 1, 1, 1)], []),
            "a missing end" => (right, right[..2], []),
            "a duplicate" => Both([right[0], right[0], .. right[1..]]),
            "a gap" => Both([right[0], Entry(1, 1, 1, 2)]),
            "not first in, first out" => Both([right[2], right[0]]),
            "an earlier life" => Both([right[0], Entry(1, 1, 0, 0)]),
            "numbers that go down" => Both([right[0], Entry(5, 0, 0, 0), Entry(4, 1, 1, 1)]),
            "lost" => (right, right, [new Acknowledgement(new(0, 0, 1), 3)]),
            _ => (right, right, (Acknowledgement[])[new(new(0, 0, 0), 2)]),
        };

        Assert.Contains(problem, Histories.Problem([one, one, other], acknowledged), StringComparison.Ordinal);

        static (HistoryEntry[], HistoryEntry[], Acknowledgement[]) Both(HistoryEntry[] history) =>
            (history, history, []);
    }

    [Fact]
    public void A_batch_that_was_cut_short_by_a_kill_is_as_if_it_had_not_been_delivered()
    {
        using (var history = new HistoryFile(_file))
        {
            Deliver(history, new(3, new(0, 0, 0)), new(3, new(0, 0, 1)));
            Deliver(history, new(4, new(0, 0, 2)), new(5, new(0, 0, 3)));
        }

        var whole = File.ReadAllBytes(_file);
        for (var length = whole.Length - 1; length >= whole.Length / 2; length--)
        {
            File.WriteAllBytes(_file, whole[..length]);
            using var again = new HistoryFile(_file);
            Assert.Equal(3, again.Applied);
        }

        Assert.Equal([Entry(3, 0, 0, 0), Entry(3, 0, 0, 1)], HistoryFile.Read(_file));
    }

    [Fact]
    public void A_payload_with_another_byte_is_nobodys()
    {
        var payload = new PayloadId(1, 2, 3).Bytes();
        Assert.Equal(new PayloadId(1, 2, 3), PayloadId.Read(payload));

        payload[^1] ^= 1;

        Assert.Throws<InvalidDataException>(() => PayloadId.Read(payload));
    }

    private static HistoryEntry Entry(long number, int member, int life, int counter) =>
        new(number, new(member, life, counter));

    private static void Deliver(HistoryFile history, params HistoryEntry[] entries) =>
        history.Deliver(
            [.. entries.Select(e => new Delivery(e.Number, e.Payload.Member, e.Payload.Bytes()))],
            new ReadOnlyMemory<byte>[entries.Length]
        );
}
