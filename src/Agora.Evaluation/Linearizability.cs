namespace Agora.Evaluation;

/// <summary>The state of an object whose calls take effect one after the other: what a history is compared with.</summary>
/// <typeparam name="TSelf">The state itself; immutable.</typeparam>
/// <typeparam name="TOperation">A call with its arguments and its answer, where there was one.</typeparam>
internal interface ISequential<TSelf, TOperation> : IEquatable<TSelf>
    where TSelf : struct, ISequential<TSelf, TOperation>
{
    /// <summary>The state after a call; false where the call could not have been answered as it was in this state.</summary>
    bool TryApply(TOperation operation, out TSelf next);
}

/// <summary>A call on one object.</summary>
/// <param name="Operation">What was asked and answered.</param>
/// <param name="Invoked">When the caller began.</param>
/// <param name="Returned">When the answer was there; <see cref="long.MaxValue"/> where none ever came: it may have happened at any time since, or never.</param>
/// <param name="After">The place in the history of a call that happens before this one, though both are under way together; −1 for none.</param>
internal readonly record struct Timed<TOperation>(TOperation Operation, long Invoked, long Returned = long.MaxValue, int After = -1)
{
    public bool IsAnswered => Returned != long.MaxValue;
}

/// <summary>What the search has found.</summary>
internal enum Verdict
{
    Linearizable,

    /// <summary>No order of the calls explains the answers.</summary>
    Impossible,

    /// <summary>The search was given up: too many calls that were not answered can be combined in too many ways.</summary>
    Undecided,
}

/// <summary>How a search ended, and what it got stuck at.</summary>
/// <param name="Verdict">What it has found.</param>
/// <param name="Explained">Places in the history of the answered calls that the best attempt could put in an order.</param>
/// <param name="State">The state after them.</param>
/// <param name="Stuck">Places in the history of the calls of which none could come next.</param>
internal sealed record Explanation<TState>(Verdict Verdict, IReadOnlyList<int> Explained, TState State, IReadOnlyList<int> Stuck);

/// <summary>
/// Whether the history of one object is linearizable: the search of Wing and Gong, which takes the calls one by one in every order that their times
/// allow, with Lowe's memory of the places that it has been at. Histories of several objects are checked one by one, as linearizability is local.
/// </summary>
internal static class Linearizability
{
    private const int MostUnanswered = 64;

    /// <summary>Searches for an order.</summary>
    /// <param name="history">The calls, in any order of time.</param>
    /// <param name="initial">The state before all of them.</param>
    /// <param name="patience">Places that the search may visit.</param>
    public static Explanation<TState> Check<TState, TOperation>(IReadOnlyList<Timed<TOperation>> history, TState initial, int patience = 1_000_000)
        where TState : struct, ISequential<TState, TOperation>
    {
        // Answered calls must all find their place; the others may. Both by the time at which they began.
        int[] musts = [.. Enumerable.Range(0, history.Count).Where(i => history[i].IsAnswered).OrderBy(i => history[i].Invoked)];
        int[] mays = [.. Enumerable.Range(0, history.Count).Where(i => !history[i].IsAnswered).OrderBy(i => history[i].Invoked)];
        Search<TState, TOperation> search = new(history, musts, mays);
        return mays.Length > MostUnanswered
            ? new(Verdict.Undecided, [], initial, [])
            : search.Run(initial, patience);
    }

    /// <summary>Where the search is: done are all answered calls before <paramref name="First"/>, those <paramref name="Ahead"/> of it, and some that were not answered.</summary>
    private sealed record Place<TState>(int First, int[] Ahead, ulong Unanswered, TState State)
    {
        public bool Equals(Place<TState>? other) => other is not null && First == other.First && Unanswered == other.Unanswered
            && Ahead.AsSpan().SequenceEqual(other.Ahead) && EqualityComparer<TState>.Default.Equals(State, other.State);

        public override int GetHashCode()
        {
            HashCode hash = new();
            hash.Add(First);
            hash.Add(Unanswered);
            hash.Add(State);
            foreach (var i in Ahead)
            {
                hash.Add(i);
            }
            return hash.ToHashCode();
        }
    }

    private sealed class Search<TState, TOperation>(IReadOnlyList<Timed<TOperation>> history, int[] musts, int[] mays)
        where TState : struct, ISequential<TState, TOperation>
    {
        private readonly int[] _places = Places(history.Count, musts, mays);
        private readonly HashSet<Place<TState>> _seen = [];
        private readonly Stack<Place<TState>> _open = new();

        public Explanation<TState> Run(TState initial, int patience)
        {
            Place<TState> best = new(0, [], 0, initial);
            _open.Push(best);
            while (_open.TryPop(out var place))
            {
                if (place.First == musts.Length)
                {
                    return new(Verdict.Linearizable, musts, place.State, []);
                }
                if (!_seen.Add(place))
                {
                    continue;
                }
                if (_seen.Count > patience)
                {
                    return new(Verdict.Undecided, Explained(best), best.State, [.. Next(best).Musts.Select(i => musts[i])]);
                }
                if (place.First + place.Ahead.Length > best.First + best.Ahead.Length)
                {
                    best = place;
                }
                Visit(place);
            }
            return new(Verdict.Impossible, Explained(best), best.State, [.. Next(best).Musts.Select(i => musts[i])]);
        }

        private void Visit(Place<TState> place)
        {
            var (answered, limit) = Next(place);
            List<Place<TState>> next = [];
            foreach (var i in answered)
            {
                if (!IsDone(place, history[musts[i]].After) || !place.State.TryApply(history[musts[i]].Operation, out var state))
                {
                    continue;
                }
                var (first, ahead) = With(place, i);
                Place<TState> then = new(first, ahead, place.Unanswered, state);
                if (state.Equals(place.State))
                {
                    // It may come next and changes nothing, so it may as well come at once: whatever order explains the rest still does.
                    _open.Push(then);
                    return;
                }
                next.Add(then);
            }
            // What is pushed last is tried first: calls that must have happened before those that may have.
            for (var i = 0; i < mays.Length && history[mays[i]].Invoked <= limit; i++)
            {
                if ((place.Unanswered & (1ul << i)) == 0 && IsDone(place, history[mays[i]].After)
                    && place.State.TryApply(history[mays[i]].Operation, out var state) && !state.Equals(place.State))
                {
                    _open.Push(place with { Unanswered = place.Unanswered | (1ul << i), State = state });
                }
            }
            for (var i = next.Count - 1; i >= 0; i--)
            {
                _open.Push(next[i]);
            }
        }

        /// <summary>Answered calls that may come next: not done, and begun before any other that is not done was answered, which is at the limit.</summary>
        private (IReadOnlyList<int> Musts, long Limit) Next(Place<TState> place)
        {
            var limit = long.MaxValue;
            List<int> found = [];
            for (var i = place.First; i < musts.Length && history[musts[i]].Invoked <= limit; i++)
            {
                if (Array.BinarySearch(place.Ahead, i) < 0)
                {
                    limit = Math.Min(limit, history[musts[i]].Returned);
                    found.Add(i);
                }
            }
            found.RemoveAll(i => history[musts[i]].Invoked > limit);
            return (found, limit);
        }

        private bool IsDone(Place<TState> place, int call) => call < 0
            || (history[call].IsAnswered
                ? _places[call] < place.First || Array.BinarySearch(place.Ahead, _places[call]) >= 0
                : (place.Unanswered & (1ul << _places[call])) != 0);

        private static (int First, int[] Ahead) With(Place<TState> place, int done)
        {
            if (done != place.First)
            {
                int[] ahead = [.. place.Ahead, done];
                Array.Sort(ahead);
                return (place.First, ahead);
            }
            var first = done + 1;
            var passed = 0;
            while (passed < place.Ahead.Length && place.Ahead[passed] == first)
            {
                first++;
                passed++;
            }
            return (first, place.Ahead[passed..]);
        }

        private IReadOnlyList<int> Explained(Place<TState> place) =>
            [.. Enumerable.Range(0, place.First).Concat(place.Ahead).Select(i => musts[i]), .. mays.Where((_, i) => (place.Unanswered & (1ul << i)) != 0)];

        private static int[] Places(int count, int[] musts, int[] mays)
        {
            var places = new int[count];
            for (var i = 0; i < musts.Length; i++)
            {
                places[musts[i]] = i;
            }
            for (var i = 0; i < mays.Length; i++)
            {
                places[mays[i]] = i;
            }
            return places;
        }
    }
}
