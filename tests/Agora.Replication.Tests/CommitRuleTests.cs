using Agora.Replication.Raft;
using CsCheck;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>What is committed, one test for each rule, and all rules together against a model of a group.</summary>
public sealed class CommitRuleTests
{
    private static readonly object s_near = new();
    private static readonly object s_far = new();

    [Fact]
    public void An_entry_that_a_minority_holds_is_not_committed_whatever_is_proposed()
    {
        var rule = Leader(members: 5, term: 1, first: 1);
        rule.Acknowledge(s_far, 1, 1);
        Assert.False(rule.Commit(proposed: 10, durable: 10));

        // Leader and one follower hold 10, another holds 1: of three answers 10 is the median, and two of five hold it.
        rule.Acknowledge(s_near, 1, 10);
        Assert.True(rule.Commit(proposed: 10, durable: 10));
        Assert.Equal(1, rule.Committed);
        rule.Acknowledge(s_far, 1, 10);
        Assert.True(rule.Commit(proposed: 10, durable: 10));
        Assert.Equal(10, rule.Committed);
    }

    [Fact]
    public void A_leader_counts_itself_only_as_far_as_its_own_disk()
    {
        var rule = Leader(members: 3, term: 1, first: 1);
        rule.Acknowledge(s_near, 1, 5);
        Assert.False(rule.Commit(proposed: 5, durable: 0));
        Assert.True(rule.Commit(proposed: 5, durable: 3));
        Assert.Equal(3, rule.Committed);
    }

    [Fact]
    public void Two_followers_of_three_commit_what_is_not_yet_on_the_leaders_own_disk()
    {
        var rule = Leader(members: 3, term: 1, first: 1);
        rule.Acknowledge(s_near, 1, 5);
        rule.Acknowledge(s_far, 1, 4);
        rule.Commit(proposed: 5, durable: 0);
        Assert.Equal(4, rule.Committed);
    }

    [Fact]
    public void A_leader_commits_an_entry_of_an_earlier_term_only_with_one_of_its_own()
    {
        var rule = Leader(members: 3, term: 2, first: 4);
        rule.Acknowledge(s_near, 2, 3);
        Assert.False(rule.Commit(proposed: 3, durable: 4));
        rule.Acknowledge(s_near, 2, 4);
        rule.Commit(proposed: 4, durable: 4);
        Assert.Equal(4, rule.Committed);
    }

    [Fact]
    public void Acknowledgements_of_another_term_or_of_before_count_for_nothing()
    {
        var rule = Leader(members: 3, term: 1, first: 1);
        rule.Acknowledge(s_near, 1, 5);
        rule.StepDown();
        rule.Lead(term: 3, first: 2);
        rule.Acknowledge(s_far, 1, 9);
        Assert.False(rule.Commit(proposed: 9, durable: 9));
        rule.Acknowledge(s_far, 3, 2);
        rule.Commit(proposed: 9, durable: 9);
        Assert.Equal(2, rule.Committed);
    }

    [Fact]
    public void An_older_answer_takes_nothing_back()
    {
        var rule = Leader(members: 3, term: 1, first: 1);
        rule.Acknowledge(s_near, 1, 5);
        rule.Acknowledge(s_near, 1, 2);
        rule.Commit(proposed: 9, durable: 9);
        Assert.Equal(5, rule.Committed);
    }

    [Fact]
    public void A_leader_reports_no_commit_index_before_an_entry_of_its_term_is_committed()
    {
        CommitRule rule = new(members: 3, committed: 2);
        Assert.Equal(new TermReport(1, null), rule.Report(1));
        rule.Lead(term: 2, first: 4);
        Assert.Equal(new TermReport(2, null), rule.Report(2));
        rule.Acknowledge(s_near, 2, 4);
        rule.Commit(proposed: 4, durable: 4);
        Assert.Equal(new TermReport(2, 4), rule.Report(2));
        Assert.Equal(new TermReport(3, null), rule.Report(3));
        rule.StepDown();
        Assert.Equal(new TermReport(2, null), rule.Report(2));
    }

    [Fact]
    public void A_follower_commits_what_is_reported_only_as_far_as_its_log_is_that_of_this_terms_leader()
    {
        CommitRule rule = new(members: 3, committed: 0);
        Match(rule, term: 1, first: 1, end: 3);
        Assert.True(rule.Learn(new TermReport(1, 2), currentTerm: 1));
        Assert.Equal(2, rule.Committed);

        // Entry 3 came from the leader of term 1; the one of term 2 may have another there.
        rule.StepDown();
        Assert.False(rule.Learn(new TermReport(2, 5), currentTerm: 2));
        Assert.True(Match(rule, term: 2, first: 3, end: 4));
        Assert.Equal(4, rule.Committed);
        Assert.True(Match(rule, term: 2, first: 5, end: 6));
        Assert.Equal(5, rule.Committed);

        // What it knows to be committed may be less than what has been acknowledged: reads must not rely on it.
        Assert.Equal(new TermReport(2, null), rule.Report(2));

        // A leader learns from no other.
        rule.Lead(term: 3, first: 7);
        Assert.False(rule.Learn(new TermReport(3, 6), currentTerm: 3));
        Assert.Equal(5, rule.Committed);
    }

    [Fact]
    public void While_entries_are_written_only_what_is_before_them_counts_as_the_leaders()
    {
        CommitRule rule = new(members: 3, committed: 0);
        Match(rule, term: 1, first: 1, end: 5);
        rule.BeginMatch(first: 4);
        rule.Learn(new TermReport(1, 5), currentTerm: 1);
        Assert.Equal(3, rule.Committed);
        rule.EndMatch(term: 1, end: 6, currentTerm: 1);
        Assert.Equal(5, rule.Committed);
    }

    [Fact]
    public void A_group_of_one_commits_what_is_on_its_disk()
    {
        CommitRule rule = new(members: 1, committed: 0);
        rule.Commit(proposed: 7, durable: 5);
        Assert.Equal(new TermReport(4, 5), rule.Report(4));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void Whatever_happens_what_is_committed_is_the_same_everywhere_and_a_majority_has_it_on_disk(int members) =>
        Gen.Select(Gen.Enum<Step>(), Gen.Int[0, 1 << 16], Gen.Int[0, 1 << 16])
            .Array[50, 400]
            .Sample(
                steps =>
                {
                    Model group = new(members);
                    foreach (var (step, choice, other) in steps)
                    {
                        group.Do(step, choice, other);
                    }
                },
                iter: 3000
            );

    private static CommitRule Leader(int members, long term, long first)
    {
        CommitRule rule = new(members, committed: 0);
        rule.Lead(term, first);
        return rule;
    }

    private static bool Match(CommitRule rule, long term, long first, long end)
    {
        rule.BeginMatch(first);
        return rule.EndMatch(term, end, term);
    }

    private enum Step
    {
        Elect,
        Append,
        SyncLeader,
        Send,
        SendMore,
        DeliverAnswer,
        Commit,
        Report,
        Learn,
        Crash,
    }

    /// <summary>
    /// A group whose messages may be lost, late or out of order, with logs of terms alone. Elections are Raft's; what
    /// is committed is decided by the rule under test, and compared with what any member has committed before.
    /// </summary>
    private sealed class Model
    {
        private readonly Member[] _members;
        private readonly List<(Member Leader, Member Follower, long Term, long End)> _answers = [];
        private readonly List<TermReport> _reports = [];
        private readonly List<long> _committed = []; // The term of each entry that any member has committed.

        public Model(int members) =>
            _members = [.. Enumerable.Range(0, members).Select(_ => new Member(new CommitRule(members, 0)))];

        private int Majority => (_members.Length / 2) + 1;

        public void Do(Step step, int choice, int other)
        {
            var member = _members[choice % _members.Length];
            switch (step)
            {
                case Step.Elect:
                    Elect(member, other);
                    break;
                case Step.Append when member.Leads:
                    member.Log.Add(member.Term);
                    break;
                case Step.SyncLeader:
                    member.Durable = member.Log.Count;
                    break;
                case Step.Send or Step.SendMore when member.Leads:
                    Send(member, _members[other % _members.Length], other / _members.Length, step == Step.Send ? 1 : 5);
                    break;
                case Step.DeliverAnswer when _answers.Count > 0:
                    var answer = _answers[other % _answers.Count];
                    _answers.RemoveAt(other % _answers.Count);
                    answer.Leader.Rule.Acknowledge(answer.Follower, answer.Term, answer.End);
                    break;
                case Step.Commit when member.Leads:
                    if (member.Rule.Commit(proposed: other % 2 == 0 ? long.MaxValue : other, member.Durable))
                    {
                        Assert.Equal(member.Term, member.Log[(int)member.Rule.Committed - 1]);
                    }

                    break;
                case Step.Report:
                    var report = member.Rule.Report(member.Term);
                    if (report.CommitIndex is not null)
                    {
                        // A read at it sees everything that was committed in this term or before.
                        Assert.True(member.Leads);
                        _reports.Add(report);
                    }

                    break;
                case Step.Learn when _reports.Count > 0:
                    member.Rule.Learn(_reports[other % _reports.Count], member.Term);
                    break;
                case Step.Crash when other % 4 == 0:
                    member.Crash(_members.Length);
                    break;
            }

            Array.ForEach(_members, Check);
        }

        private void Elect(Member candidate, int voters)
        {
            var term = _members.Max(m => m.Term) + 1 - (voters % 3 == 0 ? 1 : 0);
            var granted = _members
                .Where((m, i) => m == candidate || (((voters >> i) & 1) == 1 && !m.IsAheadOf(candidate)))
                .Where(m => m.Term < term)
                .ToList();
            if (granted.Count < Majority || !granted.Contains(candidate))
            {
                return;
            }

            granted.ForEach(m => m.Reach(term));
            candidate.Log.Add(term);
            candidate.Rule.Lead(term, candidate.Log.Count);
        }

        private void Send(Member leader, Member follower, int choice, int count)
        {
            if (follower == leader)
            {
                return;
            }

            if (follower.Term > leader.Term)
            {
                leader.Reach(follower.Term);
                return;
            }

            follower.Reach(leader.Term);

            // Usually from where the logs part, sometimes from anywhere.
            var first = 1 + (choice % 3 == 0 ? choice % (leader.Log.Count + 1) : leader.CommonWith(follower));
            if (first - 1 > leader.CommonWith(follower))
            {
                return;
            }

            var entries = leader.Log.Skip(first - 1).Take(count).ToList();
            var end = first - 1 + entries.Count;
            follower.Rule.BeginMatch(first);
            follower.Write(first, entries);
            if (choice % 5 == 0 && _reports.Count > 0)
            {
                follower.Rule.Learn(_reports[choice % _reports.Count], follower.Term);
                Check(follower);
            }

            follower.Durable = follower.Log.Count;
            follower.Rule.EndMatch(leader.Term, end, follower.Term);
            follower.Rule.Commit(leader.Rule.Committed, follower.Durable);
            _answers.Add((leader, follower, leader.Term, end));
        }

        private void Check(Member member)
        {
            var committed = (int)member.Rule.Committed;
            Assert.InRange(committed, member.LastCommitted, member.Log.Count);
            member.LastCommitted = committed;
            for (var index = 1; index <= committed; index++)
            {
                var term = member.Log[index - 1];
                if (index > _committed.Count)
                {
                    _committed.Add(term);
                    Assert.True(_members.Count(m => m.Durable >= index && m.Log[index - 1] == term) >= Majority);
                }

                Assert.Equal(_committed[index - 1], term);
            }
        }
    }

    private sealed class Member(CommitRule rule)
    {
        public CommitRule Rule { get; private set; } = rule;

        public List<long> Log { get; } = [];

        public int Durable { get; set; }

        public long Term { get; private set; }

        public int LastCommitted { get; set; }

        public bool Leads => Rule.LeadTerm == Term;

        public void Reach(long term)
        {
            if (term > Term)
            {
                Term = term;
                Rule.StepDown();
            }
        }

        public bool IsAheadOf(Member other) =>
            (Log.LastOrDefault(), Log.Count).CompareTo((other.Log.LastOrDefault(), other.Log.Count)) > 0;

        public int CommonWith(Member other) => Log.Zip(other.Log).TakeWhile(pair => pair.First == pair.Second).Count();

        public void Write(int first, List<long> entries)
        {
            for (var i = 0; i < entries.Count; i++)
            {
                var index = first + i;
                if (index <= Log.Count && Log[index - 1] != entries[i])
                {
                    Log.RemoveRange(index - 1, Log.Count - index + 1);
                    Durable = Math.Min(Durable, Log.Count);
                }

                if (index > Log.Count)
                {
                    Log.Add(entries[i]);
                }
            }
        }

        public void Crash(int members)
        {
            Log.RemoveRange(Durable, Log.Count - Durable);
            LastCommitted = Math.Min(LastCommitted, Durable);
            Rule = new CommitRule(members, LastCommitted);
        }
    }
}
