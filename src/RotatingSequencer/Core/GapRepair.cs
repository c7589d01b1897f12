using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Negative acknowledgement: notices what is missing among the messages that are known to exist, and asks its owner for
/// it. <see cref="RetransmitAnswers"/> answers.
/// <para>
/// A message that was just noticed as missing may only be late, so it gets a grace. After a question a round trip
/// passes before it is repeated, then growing, jittered pauses. A message that turns out to be missing meanwhile has a
/// grace and pauses of its own: neither delays or speeds up the other.
/// </para>
/// </summary>
internal sealed class GapRepair(
    CoreOptions options,
    MessageLog log,
    Membership membership,
    Peers peers,
    PartialRequests partial,
    Questions questions,
    Schedule schedule
)
{
    /// <summary>Most ranges in one Retransmit request, if that many fit a datagram.</summary>
    private const int MaxRanges = 96;

    /// <summary>Unanswered questions after which another holder is asked besides the owner.</summary>
    private const int OwnerAttempts = 3;

    private readonly Repair[] _repairs = NewRepairs(options.Members);

    // The head of a Retransmit request is no longer than that of a Request, so this many ranges always fit.
    private readonly MissingRange[] _missing = new MissingRange[
        Math.Clamp(options.PartLength / MissingRange.MaxLength, 1, MaxRanges)
    ];

    /// <summary>Asks the owner of what is missing, when that is due.</summary>
    public void AskForGaps(int owner, long now)
    {
        if (membership.IsFrozen)
        {
            return;
        }

        ref var repair = ref _repairs[owner];
        var seen = new MessagePosition(
            Math.Min(log.Seen.Locals[owner], log.Requests[owner].Limit - 1),
            Math.Min(log.Seen.Sequences, log.Sequences.Limit - 1)
        );
        var first = FirstMissing(owner, MessagePosition.BeforeAll, seen);
        if (first == MessagePosition.AfterAll)
        {
            repair.AskAt = repair.AskAgainAt = long.MaxValue;
            return;
        }

        var timeout = peers[owner].RoundTrip.Timeout;
        if (now >= repair.AskAt)
        {
            repair.AskAt = long.MaxValue;
            var helper = CanAnswer(owner) ? null : FindHolder(owner, repair);
            repair.Asked = AskFor(owner, repair.Asked, repair.Noticed, helper, now);
            if (repair.AskAgainAt == long.MaxValue)
            {
                repair.AskAgain = repair.Asked;
                repair.AskAgainAt = now + schedule.Pause(timeout, repair.Attempts = 0);
            }
        }

        if (repair.AskAt == long.MaxValue && FirstMissing(owner, repair.Asked, seen) != MessagePosition.AfterAll)
        {
            repair.Noticed = seen;
            repair.AskAt = now + Math.Max(options.Grace, peers[owner].RoundTrip.Smoothed / 4);
        }

        if (repair.Attempts > 0 && (repair.PartsCame || first.ExceedsAnyOf(repair.First)))
        {
            repair.PartsCame = false;
            // The owner answers again: the rest need not wait as long as before.
            repair.AskAgainAt = Math.Min(repair.AskAgainAt, now + schedule.Pause(timeout, repair.Attempts = 0));
        }

        if (now >= repair.AskAgainAt)
        {
            repair.First = FirstMissing(owner, MessagePosition.BeforeAll, repair.AskAgain);
            repair.Attempts = repair.First == MessagePosition.AfterAll ? 0 : repair.Attempts + 1;
            AskFor(
                owner,
                MessagePosition.BeforeAll,
                repair.AskAgain,
                repair.Attempts >= OwnerAttempts || !CanAnswer(owner) ? FindHolder(owner, repair) : null,
                now
            );
            repair.AskAgain = repair.Asked;
            repair.AskAgainAt = now + schedule.Pause(timeout, repair.Attempts);
        }

        schedule.Wake(Math.Min(repair.AskAt, repair.AskAgainAt));
    }

    /// <summary>A part came of a Request that was not whole.</summary>
    public void PartCame(int sender) => _repairs[sender].PartsCame = true;

    /// <summary>In a new epoch nothing has been asked for yet, and parts that came may be of void Requests.</summary>
    public void BeginView()
    {
        partial.Clear();
        Array.Fill(_repairs, new Repair());
    }

    private static Repair[] NewRepairs(int members)
    {
        var repairs = new Repair[members];
        Array.Fill(repairs, new Repair());
        return repairs;
    }

    /// <summary>
    /// The first missing one of the owner's Requests and of its Sequences, above one position and up to another.
    /// </summary>
    private MessagePosition FirstMissing(int owner, MessagePosition above, MessagePosition last) =>
        new(
            FirstMissingRequest(owner, above.Request, last.Request),
            FirstMissingSequence(owner, above.Sequence, last.Sequence)
        );

    private long FirstMissingRequest(int owner, long above, long last)
    {
        var requests = log.Requests[owner];
        var q = Math.Max(requests.Contiguous, above) + 1;
        while (q <= last && requests.Holds(q))
        {
            q++;
        }

        return q <= last ? q : long.MaxValue;
    }

    private long FirstMissingSequence(int owner, long above, long last)
    {
        var k = Math.Max(log.Sequences.Contiguous, above) + 1;
        k += (owner - (k % options.Members) + options.Members) % options.Members;
        while (k <= last && log.Sequences.Holds(k))
        {
            k += options.Members;
        }

        return k <= last ? k : long.MaxValue;
    }

    /// <summary>
    /// Asks for what is missing above one position and up to another; returns how far the message got.
    /// </summary>
    private MessagePosition AskFor(int owner, MessagePosition above, MessagePosition last, int? helper, long now)
    {
        var count = 0;
        // Sequences first: few of one owner can be missing, since the chain waits for them, while there may be more
        // Requests than a message can name. An owner's Sequences are never consecutive: a group of one misses nothing.
        var k = FirstMissingSequence(owner, above.Sequence, last.Sequence);
        for (; k != long.MaxValue && count < _missing.Length; k = FirstMissingSequence(owner, k, last.Sequence))
        {
            _missing[count++] = new(MissingRange.Sequences, k, 1);
        }

        var q = FirstMissingRequest(owner, above.Request, last.Request);
        for (; q != long.MaxValue && count < _missing.Length; q = FirstMissingRequest(owner, q, last.Request))
        {
            var start = q;
            var parts = partial.MissingPartsOf(new(owner, q));
            while (
                parts == 0
                && q < last.Request
                && !log.Requests[owner].Holds(q + 1)
                && partial.MissingPartsOf(new(owner, q + 1)) == 0
            )
            {
                q++;
            }

            _missing[count++] = new(owner, start, q - start + 1, parts);
        }

        if (count > 0)
        {
            if (CanAnswer(owner))
            {
                questions.Ask(owner, _missing.AsSpan(0, count), now);
            }

            if (helper is { } holder)
            {
                questions.Ask(holder, _missing.AsSpan(0, count), now);
            }
        }

        return new(Math.Min(last.Request, q - 1), Math.Min(last.Sequence, k - 1));
    }

    /// <summary>Whether an owner has its messages: not while it joins, nor can this member ask itself.</summary>
    private bool CanAnswer(int owner) => owner != options.Self && peers[owner].Life.Epoch == membership.View.Number;

    /// <summary>
    /// Another member that claims to hold what the owner does not send. The original description asks owners only; this
    /// helps while an owner is down.
    /// </summary>
    private int? FindHolder(int owner, in Repair repair)
    {
        for (var i = 0; i < options.Members; i++)
        {
            var m = (owner + 1 + repair.Attempts + i) % options.Members;
            var claims = peers[m].Claims;
            if (
                m != owner
                && CanAnswer(m)
                && (claims.Locals[owner] >= repair.First.Request || claims.Sequences >= repair.First.Sequence)
            )
            {
                return m;
            }
        }

        return null;
    }

    /// <summary>A position among one member's Requests, and one among its Sequences.</summary>
    private readonly record struct MessagePosition(long Request, long Sequence)
    {
        public static readonly MessagePosition BeforeAll = new(-1, -1);
        public static readonly MessagePosition AfterAll = new(long.MaxValue, long.MaxValue);

        public bool ExceedsAnyOf(MessagePosition other) => Request > other.Request || Sequence > other.Sequence;
    }

    /// <summary>
    /// The repair of one member's messages: AskAgain ≤ Asked ≤ Noticed ≤ what was seen to exist.
    /// </summary>
    private struct Repair()
    {
        /// <summary>Up to here gaps were noticed when the grace began that ends at <see cref="AskAt"/>.</summary>
        public MessagePosition Noticed = MessagePosition.BeforeAll;
        public long AskAt = long.MaxValue;

        /// <summary>Up to here gaps were asked for at least once.</summary>
        public MessagePosition Asked = MessagePosition.BeforeAll;

        /// <summary>
        /// Up to here gaps had been asked for when the pause began that ends at <see cref="AskAgainAt"/>.
        /// </summary>
        public MessagePosition AskAgain = MessagePosition.BeforeAll;
        public long AskAgainAt = long.MaxValue;

        /// <summary>
        /// The first gap at the last repeated question, and how many repeated questions were in vain.
        /// </summary>
        public MessagePosition First = MessagePosition.BeforeAll;
        public int Attempts;

        /// <summary>Parts of a Request came that is not whole yet.</summary>
        public bool PartsCame;
    }
}
