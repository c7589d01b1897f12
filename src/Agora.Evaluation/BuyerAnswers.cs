using Agora.Rest;

namespace Agora.Evaluation;

/// <summary>What a buyer knows by its answers.</summary>
internal sealed class BuyerAnswers(string username) : ClientAnswers(username)
{
    /// <summary>Every purchase that was answered, in order.</summary>
    public List<Receipt> Receipts { get; } = [];

    public int MaybePurchases { get; set; }

    /// <summary>The buyer's votes by item.</summary>
    public Dictionary<string, VoteCount> Votes { get; } = [];

    /// <summary>
    /// Units by item that the account's saved cart must hold: as saved last, without what was bought since. Null where
    /// a missing answer leaves this unknown.
    /// </summary>
    public Dictionary<string, int>? SavedCart { get; set; } = [];
}

/// <summary>Votes on an item; those that were not answered count as maybe.</summary>
internal record struct VoteCount(int Up, int Down, int Maybe)
{
    public static VoteCount operator +(VoteCount a, VoteCount b) =>
        new(a.Up + b.Up, a.Down + b.Down, a.Maybe + b.Maybe);
}
