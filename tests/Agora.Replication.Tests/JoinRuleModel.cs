namespace Agora.Replication.Tests;

/// <summary>
/// Raft with members that lose their disks and join again, as a model: terms, votes and logs, messages that are late or
/// lost, and nothing else. It has the rule of <see cref="Raft.JoinProcedure"/>, or a weaker one.
/// </summary>
internal sealed class JoinRuleModel(int members, JoinRule rule, Random random)
{
    private readonly Member[] _members = [.. Enumerable.Range(0, members).Select(i => new Member(i))];
    private readonly List<Candidacy> _candidacies = [];
    private readonly List<(Candidacy To, int From)> _votes = [];
    private readonly List<(Leadership To, int From, int Index)> _acknowledgements = [];
    private readonly List<(int Joiner, int Life, Leadership Leader, int Index, HashSet<int> Heard)> _joins = [];
    private readonly Dictionary<int, Leadership> _leaders = [];
    private readonly List<int> _committed = []; // Terms by index: entries of one term have one maker.
    private readonly int _majority = (members / 2) + 1;

    /// <summary>How many elections were won, entries committed, and members that joined again.</summary>
    public (int Elections, int Entries, int Joins) Done { get; private set; }

    /// <summary>Runs some steps; returns what went wrong, or null.</summary>
    public string? Run(int steps)
    {
        for (var step = 0; step < steps; step++)
        {
            if (Step() is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private string? Step()
    {
        var one = _members[random.Next(members)];
        var leading = _members.Where(m => m.Leads is not null).ToList();
        switch (random.Next(1000))
        {
            case < 12 when one.IsIn:
                Stand(one);
                break;
            case < 200 when _candidacies.Count > 0:
                // Most often of one of the last; now and then of one that everybody has forgotten.
                var back = random.Next(4) == 0 ? _candidacies.Count : Math.Min(2, _candidacies.Count);
                AskForVote(_candidacies[^(1 + random.Next(back))], one);
                break;
            case < 350 when _votes.Count > 0:
                return CountVote(Take(_votes));
            case < 380 when one.Leads is { } leads:
                Append(leads);
                break;
            case < 650 when leading.Count > 0:
                Replicate(Any(leading).Leads!, one);
                break;
            case < 830 when _acknowledgements.Count > 0:
                return CountAcknowledgement(Take(_acknowledgements));
            case < 833
                when _committed.Count > 0
                    && (_members.Count(m => !m.IsIn) < members - _majority || random.Next(20) == 0):
                // Most often one whose lost vote may matter.
                Wipe(_members.FirstOrDefault(m => HasOpenVote(m) && random.Next(2) == 0) ?? one);
                break;
            case < 910 when leading.Count > 0 && _members.FirstOrDefault(m => !m.IsIn) is { } joiner:
                BeginToJoin(joiner, Any(leading).Leads!);
                break;
            case >= 910 when _joins.Count > 0:
                EndJoining(Any(_joins));
                break;
        }

        return null;
    }

    private bool HasOpenVote(Member member) =>
        member.Vote is { } vote && vote != member.Id && !_leaders.ContainsKey(member.Term);

    private void Stand(Member member)
    {
        Reach(member, member.Term + 1);
        member.Vote = member.Id;
        Candidacy candidacy = new(member.Id, member.Life, member.Term, [.. member.Log]);
        candidacy.Votes.Add(member.Id);
        _candidacies.Add(candidacy);
    }

    private void AskForVote(Candidacy candidacy, Member voter)
    {
        if (!voter.IsIn || voter.Id == candidacy.Candidate || candidacy.Term < voter.Term)
        {
            return;
        }

        Reach(voter, candidacy.Term);
        if ((voter.Vote is null || voter.Vote == candidacy.Candidate) && IsAsUpToDate(candidacy.Log, voter.Log))
        {
            voter.Vote = candidacy.Candidate;
            _votes.Add((candidacy, voter.Id));
        }
    }

    private string? CountVote((Candidacy To, int From) vote)
    {
        var candidate = _members[vote.To.Candidate];
        if (candidate.Life != vote.To.Life || candidate.Term != vote.To.Term || candidate.Leads is not null)
        {
            return null;
        }

        vote.To.Votes.Add(vote.From);
        if (vote.To.Votes.Count < _majority)
        {
            return null;
        }

        Leadership leads = new(candidate.Id, candidate.Life, candidate.Term);
        if (!_leaders.TryAdd(leads.Term, leads))
        {
            return $"two leaders in term {leads.Term}";
        }

        candidate.Leads = leads;
        Done = Done with { Elections = Done.Elections + 1 };
        Append(leads);
        return null;
    }

    private void Append(Leadership leads)
    {
        var leader = _members[leads.Leader];
        leader.Log.Add(leads.Term);
        leads.Match[leader.Id] = leader.Log.Count;
    }

    private void Replicate(Leadership leads, Member follower)
    {
        var leader = _members[leads.Leader];
        if (leader.Leads != leads || !follower.IsIn || follower.Id == leader.Id || follower.Term > leads.Term)
        {
            return;
        }

        Reach(follower, leads.Term);
        follower.Log = [.. leader.Log];
        _acknowledgements.Add((leads, follower.Id, leader.Log.Count));
        foreach (var join in _joins.Where(j => j.Leader == leads))
        {
            join.Heard.Add(follower.Id);
        }
    }

    private string? CountAcknowledgement((Leadership To, int From, int Index) answer)
    {
        var leader = _members[answer.To.Leader];
        if (leader.Leads != answer.To)
        {
            return null;
        }

        answer.To.Match[answer.From] = Math.Max(answer.To.Match.GetValueOrDefault(answer.From), answer.Index);
        var held = answer.To.Match.Values.OrderDescending().ElementAtOrDefault(_majority - 1);
        if (held == 0 || leader.Log[held - 1] != answer.To.Term)
        {
            return null;
        }

        answer.To.Committed = Math.Max(answer.To.Committed, held);
        for (var i = 0; i < held; i++)
        {
            if (i == _committed.Count)
            {
                _committed.Add(leader.Log[i]);
                Done = Done with { Entries = Done.Entries + 1 };
            }
            else if (_committed[i] != leader.Log[i])
            {
                return $"entry {i + 1} was committed in term {_committed[i]}, and again in term {leader.Log[i]}";
            }
        }

        return null;
    }

    private void Wipe(Member member)
    {
        var next = new Member(member.Id) { Life = member.Life + 1, IsIn = false };
        _members[member.Id] = next;
        if (member.Leads is { } leads)
        {
            // It leads no more, and stays known as the one that led in its term.
            leads.Match.Clear();
        }
    }

    private void BeginToJoin(Member joiner, Leadership leads)
    {
        var leader = _members[leads.Leader];
        if (leader.Leads != leads)
        {
            return;
        }

        if (rule == JoinRule.BehindAnEntryOfItsOwn)
        {
            Append(leads);
        }

        _joins.Add((joiner.Id, joiner.Life, leads, leader.Log.Count, [leader.Id]));
    }

    private void EndJoining((int Joiner, int Life, Leadership Leader, int Index, HashSet<int> Heard) join)
    {
        var joiner = _members[join.Joiner];
        var leader = _members[join.Leader.Leader];
        if (joiner.Life != join.Life || joiner.IsIn || leader.Leads != join.Leader)
        {
            _joins.Remove(join);
            return;
        }

        if (join.Leader.Committed < join.Index || join.Heard.Count < _majority)
        {
            return;
        }

        _joins.Remove(join);
        joiner.Log = [.. leader.Log.Take(join.Leader.Committed)];
        (joiner.Term, joiner.Vote, joiner.IsIn) = (join.Leader.Term, joiner.Id, true);
        Done = Done with { Joins = Done.Joins + 1 };
    }

    private static void Reach(Member member, int term)
    {
        if (term > member.Term)
        {
            (member.Term, member.Vote, member.Leads) = (term, null, null);
        }
    }

    private static bool IsAsUpToDate(List<int> log, List<int> than) =>
        (log.LastOrDefault(), log.Count).CompareTo((than.LastOrDefault(), than.Count)) >= 0;

    private T Any<T>(IReadOnlyList<T> list) => list[random.Next(list.Count)];

    private T Take<T>(List<T> list)
    {
        var at = random.Next(list.Count);
        var taken = list[at];
        list.RemoveAt(at);
        return taken;
    }

    private sealed class Member(int id)
    {
        public int Id => id;

        public int Life { get; set; }

        public bool IsIn { get; set; } = true;

        public int Term { get; set; }

        public int? Vote { get; set; }

        public List<int> Log { get; set; } = [];

        public Leadership? Leads { get; set; }
    }

    private sealed record Candidacy(int Candidate, int Life, int Term, List<int> Log)
    {
        public HashSet<int> Votes { get; } = [];
    }

    private sealed class Leadership(int leader, int life, int term)
    {
        public int Leader => leader;

        public int Life => life;

        public int Term => term;

        public int Committed { get; set; }

        public Dictionary<int, int> Match { get; } = [];
    }
}

/// <summary>When a member that has lost its disk may vote and acknowledge again.</summary>
internal enum JoinRule
{
    /// <summary>A majority without it holds an entry that the leader made after it had asked.</summary>
    BehindAnEntryOfItsOwn,

    /// <summary>
    /// The leader has proved with a majority that it still leads, and what it had is committed: nothing new is made.
    /// </summary>
    BehindWhatWasThere,
}
