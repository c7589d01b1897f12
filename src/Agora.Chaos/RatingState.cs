using System.Globalization;
using Agora.Linearizability;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>The votes on all items of a seller, as every call must find them.</summary>
internal readonly record struct RatingState(long Up, long Down) : ISequential<RatingState, RatingCall>
{
    public bool TryApply(RatingCall call, out RatingState next)
    {
        next = call.Vote switch
        {
            Thumb.Up => this with { Up = Up + 1 },
            Thumb.Down => this with { Down = Down + 1 },
            _ => this,
        };
        return call.Seen is not { } seen || seen == next;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"+{Up} -{Down}");
}

/// <summary>A call's part in the history of a seller's rating: a vote, or what was seen.</summary>
internal readonly record struct RatingCall(Thumb? Vote, RatingState? Seen = null)
{
    public override string ToString() =>
        (Vote, Seen) switch
        {
            (Thumb.Up, _) => "votes up",
            (Thumb.Down, _) => "votes down",
            (_, { } seen) => $"reads: {seen}",
            _ => "reads",
        };
}
