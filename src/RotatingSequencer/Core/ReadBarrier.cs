using System.Numerics;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// The read barrier: asks all members how far they hold everything. Once a majority has answered, everything that was
/// delivered anywhere before the round began is at or below the highest answer: a majority holds what is delivered, and
/// any two majorities share a member.
/// <para>
/// A member's position counts only if it is complete: if this start holds what an earlier life of it may have helped to
/// deliver. The journal may lack that. Another member of that majority has it: so many have agreed that one of them is
/// among these, and this member holds what they did. One that has joined holds everything up to the cut, and needs no
/// such proof.
/// </para>
/// </summary>
internal sealed class ReadBarrier(
    CoreOptions options,
    MessageLog log,
    Membership membership,
    Peers peers,
    Questions questions,
    Schedule schedule
)
{
    private Round _round;

    /// <summary>The most that the members which agree held when they did so.</summary>
    private long _floor = -1;

    private bool _isComplete;

    /// <summary>Whether this member's position counts for reads, its own and those of others.</summary>
    public bool CanRead => _isComplete && !membership.IsJoining && !membership.IsFrozen;

    /// <summary>Whether a round is under way.</summary>
    public bool IsUnderWay => _round.Token != 0;

    /// <summary>Begins a round. Reads that began before it may use its result.</summary>
    public void Start(long now)
    {
        _round = new Round { Token = questions.Last + 1, Target = -1 };
        if (options.Members > 1)
        {
            questions.Ask(Outbox.All, now);
            _round.Due = now + peers.SlowestTimeout;
        }
    }

    /// <summary>A member has answered a question, and claims to hold everything up to a number.</summary>
    public void Answered(int from, long token, long held)
    {
        // Tokens only grow, so this answers a question of the round.
        if (IsUnderWay && token >= _round.Token && token <= questions.Last)
        {
            _round.Answered |= 1UL << from;
            _round.Target = Math.Max(_round.Target, held);
        }
    }

    /// <summary>The result of a round that a majority has answered.</summary>
    public bool TryFinish(out long target)
    {
        target = Math.Max(_round.Target, log.Claims.Held);
        if (!IsUnderWay || !CanRead || BitOperations.PopCount(_round.Answered) + 1 < options.Majority)
        {
            return false;
        }

        _round = default;
        return true;
    }

    /// <summary>Asks again those that have not answered.</summary>
    public void Repeat(long now)
    {
        if (!IsUnderWay)
        {
            return;
        }

        if (now >= _round.Due)
        {
            for (var m = 0; m < options.Members; m++)
            {
                if (m != options.Self && (_round.Answered & (1UL << m)) == 0)
                {
                    questions.Ask(m, now);
                }
            }

            _round.Due = now + schedule.Pause(peers.SlowestTimeout, _round.Attempts++);
        }

        schedule.Wake(_round.Due);
    }

    /// <summary>Another member agrees with this start, and claims to hold everything up to a number.</summary>
    public void Agreed(long held) => _floor = Math.Max(_floor, held);

    /// <summary>This start is complete without such proof.</summary>
    public void Complete() => _isComplete = true;

    /// <summary>Notes when enough members have agreed, and this one holds what they did.</summary>
    public void NoteWhenComplete()
    {
        if (_isComplete || membership.IsJoining || log.Claims.Held < _floor)
        {
            return;
        }

        var agree = 0;
        for (var m = 0; m < options.Members; m++)
        {
            agree += m != options.Self && peers[m].Life.Agrees ? 1 : 0;
        }

        _isComplete = agree >= Math.Min(options.Members - 1, options.Members - options.Majority + 1);
    }

    /// <summary>Answers and agreement from before say nothing about a new epoch.</summary>
    public void BeginView()
    {
        _floor = -1;
        if (IsUnderWay)
        {
            _round.Answered = 0;
            _round.Target = -1;
            _round.Token = questions.Last + 1;
            _round.Due = 0;
        }
    }

    private struct Round
    {
        /// <summary>Token of its first question; 0 when no round is under way.</summary>
        public long Token;

        /// <summary>The set of members that have answered, and the most that one of them holds.</summary>
        public ulong Answered;
        public long Target;

        public long Due;
        public int Attempts;
    }
}
