namespace RotatingSequencer.Processes;

/// <summary>A submission that was acknowledged as delivered, and its number.</summary>
internal readonly record struct Acknowledgement(PayloadId Payload, long Number);

/// <summary>What must be true of the members' histories once the group has settled.</summary>
internal static class Histories
{
    /// <summary>The first broken rule; null when none is.</summary>
    public static string? Problem(
        IReadOnlyList<IReadOnlyList<HistoryEntry>> histories,
        IEnumerable<Acknowledgement> acknowledged
    )
    {
        for (var member = 1; member < histories.Count; member++)
        {
            if (Difference(histories[0], histories[member]) is { } difference)
            {
                return $"members 0 and {member} delivered different things: {difference}";
            }
        }

        return OrderProblem(histories[0]) ?? AcknowledgementProblem(histories[0], acknowledged);
    }

    private static string? Difference(IReadOnlyList<HistoryEntry> one, IReadOnlyList<HistoryEntry> other)
    {
        for (var i = 0; i < Math.Max(one.Count, other.Count); i++)
        {
            if (i >= one.Count || i >= other.Count || one[i] != other[i])
            {
                return $"delivery {i} is {Describe(one, i)} and {Describe(other, i)}";
            }
        }

        return null;
    }

    private static string Describe(IReadOnlyList<HistoryEntry> history, int index) =>
        index < history.Count ? $"{history[index].Payload} at {history[index].Number}" : "missing";

    // The payloads of each life are a prefix of what it submitted, in order, and come before those of the next life. So
    // nothing is there twice, and a crash only took away the last submissions.
    private static string? OrderProblem(IReadOnlyList<HistoryEntry> history)
    {
        var last = new Dictionary<int, PayloadId>();
        for (var i = 0; i < history.Count; i++)
        {
            var (number, id) = history[i];
            if (i > 0 && number < history[i - 1].Number)
            {
                return $"{id} has number {number}, below {history[i - 1].Number} before it";
            }

            var before = last.GetValueOrDefault(id.Member, new(id.Member, -1, -1));
            var follows =
                id.Life == before.Life ? id.Counter == before.Counter + 1 : id.Life > before.Life && id.Counter == 0;
            if (!follows)
            {
                return before.Life < 0 ? $"member {id.Member} begins with {id}" : $"{id} follows {before}";
            }

            last[id.Member] = id;
        }

        return null;
    }

    private static string? AcknowledgementProblem(
        IReadOnlyList<HistoryEntry> history,
        IEnumerable<Acknowledgement> acknowledged
    )
    {
        var numbers = history.ToDictionary(e => e.Payload, e => e.Number);
        foreach (var (payload, number) in acknowledged)
        {
            if (!numbers.TryGetValue(payload, out var delivered))
            {
                return $"{payload} was acknowledged and is lost";
            }

            if (delivered != number)
            {
                return $"{payload} was acknowledged with number {number}, and has {delivered}";
            }
        }

        return null;
    }
}
