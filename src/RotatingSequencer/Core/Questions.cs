using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// The questions that this start asks. Each has a token of its own; tokens only grow. Their answers measure how long a
/// round trip takes.
/// </summary>
internal sealed class Questions
{
    private readonly Peers _peers;
    private readonly Outbox _outbox;
    private readonly CoreCounters _counters;
    private readonly long _before;

    /// <summary>When each of the last questions was asked, indexed by its token.</summary>
    private readonly long[] _askedAt = new long[256];

    /// <summary>For each member, the token of the last question that it has answered.</summary>
    private readonly long[] _answered;

    public Questions(CoreOptions options, Peers peers, Outbox outbox, CoreCounters counters)
    {
        _peers = peers;
        _outbox = outbox;
        _counters = counters;
        _before = Last = options.FirstToken;
        _answered = new long[options.Members];
        Array.Fill(_answered, Last);
    }

    /// <summary>Token of the last question.</summary>
    public long Last { get; private set; }

    /// <summary>Whether this start has asked a question with this token.</summary>
    public bool WasAsked(long token) => token > _before && token <= Last;

    /// <summary>Asks one member, or all, for its claims.</summary>
    public void Ask(int destination, long now) => Ask(destination, [], now);

    /// <summary>Asks one member for its claims, and for what is missing.</summary>
    public void Ask(int destination, ReadOnlySpan<MissingRange> missing, long now)
    {
        _outbox.AddRetransmit(destination, ask: NewToken(now), answer: 0, missing);
        _counters.Asked++;
        _counters.RepairsAsked += missing.Length > 0 ? 1 : 0;
    }

    /// <summary>The token of a question that is asked now.</summary>
    public long NewToken(long now)
    {
        _askedAt[++Last % _askedAt.Length] = now;
        return Last;
    }

    /// <summary>A member has answered a question.</summary>
    public void Answered(int from, long token, long now)
    {
        // Answers to earlier questions count as well: while timeouts are too short, the next question always goes out
        // before the answer comes.
        if (token > Math.Max(_answered[from], Last - _askedAt.Length) && token <= Last)
        {
            _peers[from].RoundTrip.Measured(now - _askedAt[token % _askedAt.Length]);
            _answered[from] = token;
        }
    }
}
