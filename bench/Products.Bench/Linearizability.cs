namespace Products.Bench;

/// <summary>A call on one register: a write of a value that nobody else writes, or a read and what it saw.</summary>
/// <param name="IsWrite">Otherwise a read.</param>
/// <param name="Value">Written or seen.</param>
/// <param name="Invoked">When the caller began.</param>
/// <param name="Returned">When the answer was there; <see cref="long.MaxValue"/> where none ever came: a write may then have happened at any time since, or never.</param>
internal readonly record struct Operation(bool IsWrite, long Value, long Invoked, long Returned);

/// <summary>
/// Whether the history of one register is linearizable: the search of Wing and Gong, which takes the calls one by one in every order that their times
/// allow, with Lowe's memory of the places that it has been at. Histories of several registers are checked one by one, as linearizability is local.
/// </summary>
internal static class Linearizability
{
    public static bool Holds(IEnumerable<Operation> history, long initial)
    {
        // A read that never returned says nothing.
        List<Operation> calls = [.. history.Where(o => o.IsWrite || o.Returned != long.MaxValue).OrderBy(o => o.Invoked)];
        var returned = calls.Count(o => o.Returned != long.MaxValue);

        // Done: everything before "first" and those in "ahead", which are few: as many as there are callers.
        HashSet<(int First, string Ahead, long Value)> seen = [];
        Stack<(int First, int[] Ahead, long Value, int Returned)> places = new();
        places.Push((0, [], initial, 0));
        while (places.TryPop(out var place))
        {
            if (place.Returned == returned)
            {
                return true;
            }

            if (!seen.Add((place.First, string.Join(',', place.Ahead), place.Value)))
            {
                continue;
            }

            // A call may come next unless another one that is not done returned before it began.
            var limit = long.MaxValue;
            for (var i = place.First; i < calls.Count && calls[i].Invoked <= limit; i++)
            {
                if (Array.BinarySearch(place.Ahead, i) < 0)
                {
                    limit = Math.Min(limit, calls[i].Returned);
                }
            }

            // A read that may come next and sees what is there may as well come at once: it changes nothing.
            var allowed = Enumerable.Range(place.First, calls.Count - place.First).TakeWhile(i => calls[i].Invoked <= limit)
                .Where(i => Array.BinarySearch(place.Ahead, i) < 0 && (calls[i].IsWrite || calls[i].Value == place.Value)).ToList();
            var read = allowed.FindIndex(i => !calls[i].IsWrite);
            foreach (var next in read < 0 ? allowed : [allowed[read]])
            {
                SortedSet<int> ahead = [.. place.Ahead, next];
                var first = place.First;
                while (ahead.Remove(first))
                {
                    first++;
                }

                var call = calls[next];
                places.Push((first, [.. ahead], call.IsWrite ? call.Value : place.Value, place.Returned + (call.Returned == long.MaxValue ? 0 : 1)));
            }
        }

        return false;
    }
}
