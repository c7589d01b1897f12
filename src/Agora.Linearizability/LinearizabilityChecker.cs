namespace Agora.Linearizability;

/// <summary>
/// Checks whether the history of one object is linearizable. It uses the search of Wing and Gong, which takes the calls
/// one by one in every order that their times allow. As Lowe proposed, it remembers the positions that it has visited.
/// Linearizability is local, so histories of several objects are checked one by one.
/// </summary>
public static class LinearizabilityChecker
{
    private const int MaxUnanswered = 64;

    /// <summary>Searches for an order.</summary>
    /// <param name="history">The calls, in any order of time.</param>
    /// <param name="initial">The state before all of them.</param>
    /// <param name="maxVisits">How many positions the search may visit.</param>
    public static LinearizabilityResult<TState> Check<TState, TOperation>(
        IReadOnlyList<TimedCall<TOperation>> history,
        TState initial,
        int maxVisits = 1_000_000
    )
        where TState : struct, ISequential<TState, TOperation>
    {
        // All answered calls must be part of the order; the others may be. Both are sorted by the time of their begin.
        int[] musts =
        [
            .. Enumerable.Range(0, history.Count).Where(i => history[i].IsAnswered).OrderBy(i => history[i].Invoked),
        ];
        int[] mays =
        [
            .. Enumerable.Range(0, history.Count).Where(i => !history[i].IsAnswered).OrderBy(i => history[i].Invoked),
        ];
        OrderSearch<TState, TOperation> search = new(history, musts, mays);
        return mays.Length > MaxUnanswered ? new(Verdict.Undecided, [], initial, []) : search.Run(initial, maxVisits);
    }

    /// <summary>
    /// Where the search is. It has ordered all answered calls before <paramref name="First"/>, those in
    /// <paramref name="Ahead"/>, and a set of calls that were not answered.
    /// </summary>
    private sealed record SearchPosition<TState>(int First, int[] Ahead, ulong Unanswered, TState State)
    {
        public bool Equals(SearchPosition<TState>? other) =>
            other is not null
            && First == other.First
            && Unanswered == other.Unanswered
            && Ahead.AsSpan().SequenceEqual(other.Ahead)
            && EqualityComparer<TState>.Default.Equals(State, other.State);

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

    private sealed class OrderSearch<TState, TOperation>(
        IReadOnlyList<TimedCall<TOperation>> history,
        int[] musts,
        int[] mays
    )
        where TState : struct, ISequential<TState, TOperation>
    {
        private readonly int[] _indexes = Indexes(history.Count, musts, mays);
        private readonly HashSet<SearchPosition<TState>> _seen = [];
        private readonly Stack<SearchPosition<TState>> _open = new();

        public LinearizabilityResult<TState> Run(TState initial, int maxVisits)
        {
            SearchPosition<TState> best = new(0, [], 0, initial);
            _open.Push(best);
            while (_open.TryPop(out var position))
            {
                if (position.First == musts.Length)
                {
                    return new(Verdict.Linearizable, musts, position.State, []);
                }

                if (!_seen.Add(position))
                {
                    continue;
                }

                if (_seen.Count > maxVisits)
                {
                    return new(
                        Verdict.Undecided,
                        Explained(best),
                        best.State,
                        [.. Next(best).Musts.Select(i => musts[i])]
                    );
                }

                if (position.First + position.Ahead.Length > best.First + best.Ahead.Length)
                {
                    best = position;
                }

                Visit(position);
            }

            return new(Verdict.Impossible, Explained(best), best.State, [.. Next(best).Musts.Select(i => musts[i])]);
        }

        private void Visit(SearchPosition<TState> position)
        {
            var (answered, limit) = Next(position);
            List<SearchPosition<TState>> next = [];
            foreach (var i in answered)
            {
                if (
                    !IsDone(position, history[musts[i]].After)
                    || !position.State.TryApply(history[musts[i]].Operation, out var state)
                )
                {
                    continue;
                }

                var (first, ahead) = With(position, i);
                SearchPosition<TState> then = new(first, ahead, position.Unanswered, state);
                if (state.Equals(position.State))
                {
                    // The call may come next and changes nothing. So it may come at once: an order that explains the
                    // rest still explains it.
                    _open.Push(then);
                    return;
                }

                next.Add(then);
            }
            // The search tries last pushed first: so calls that must have happened go before those that may have.
            for (var i = 0; i < mays.Length && history[mays[i]].Invoked <= limit; i++)
            {
                if (
                    (position.Unanswered & (1ul << i)) == 0
                    && IsDone(position, history[mays[i]].After)
                    && position.State.TryApply(history[mays[i]].Operation, out var state)
                    && !state.Equals(position.State)
                )
                {
                    _open.Push(position with { Unanswered = position.Unanswered | (1ul << i), State = state });
                }
            }

            for (var i = next.Count - 1; i >= 0; i--)
            {
                _open.Push(next[i]);
            }
        }

        /// <summary>
        /// Answered calls that may come next. They are not done, and began before the limit: the time at which the
        /// first call that is not done was answered.
        /// </summary>
        private (IReadOnlyList<int> Musts, long Limit) Next(SearchPosition<TState> position)
        {
            var limit = long.MaxValue;
            List<int> found = [];
            for (var i = position.First; i < musts.Length && history[musts[i]].Invoked <= limit; i++)
            {
                if (Array.BinarySearch(position.Ahead, i) < 0)
                {
                    limit = Math.Min(limit, history[musts[i]].Returned);
                    found.Add(i);
                }
            }

            found.RemoveAll(i => history[musts[i]].Invoked > limit);
            return (found, limit);
        }

        private bool IsDone(SearchPosition<TState> position, int call) =>
            call < 0
            || (
                history[call].IsAnswered
                    ? _indexes[call] < position.First || Array.BinarySearch(position.Ahead, _indexes[call]) >= 0
                    : (position.Unanswered & (1ul << _indexes[call])) != 0
            );

        private static (int First, int[] Ahead) With(SearchPosition<TState> position, int done)
        {
            if (done != position.First)
            {
                int[] ahead = [.. position.Ahead, done];
                Array.Sort(ahead);
                return (position.First, ahead);
            }

            var first = done + 1;
            var passed = 0;
            while (passed < position.Ahead.Length && position.Ahead[passed] == first)
            {
                first++;
                passed++;
            }

            return (first, position.Ahead[passed..]);
        }

        private IReadOnlyList<int> Explained(SearchPosition<TState> position) =>
            [
                .. Enumerable.Range(0, position.First).Concat(position.Ahead).Select(i => musts[i]),
                .. mays.Where((_, i) => (position.Unanswered & (1ul << i)) != 0),
            ];

        private static int[] Indexes(int count, int[] musts, int[] mays)
        {
            var indexes = new int[count];
            for (var i = 0; i < musts.Length; i++)
            {
                indexes[musts[i]] = i;
            }

            for (var i = 0; i < mays.Length; i++)
            {
                indexes[mays[i]] = i;
            }

            return indexes;
        }
    }
}
