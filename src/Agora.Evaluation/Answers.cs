using Agora.Client;

namespace Agora.Evaluation;

// What clients keep of the answers that they got, for the audit. A call that failed may have happened or not; such things are kept apart,
// as "maybe", and the audit allows either.

/// <summary>What a seller knows of an item of his.</summary>
internal sealed class OwnItem(string name, int registered, decimal price)
{
    /// <summary>Unique, so that an item whose registration was not answered can be known again.</summary>
    public string Name => name;

    public int Registered => registered;

    /// <summary>Null where a change of it was sent and not answered.</summary>
    public decimal? Price { get; set; } = price;

    public int Withdrawn { get; set; }

    public int MaybeWithdrawn { get; set; }
}

/// <summary>What every client knows.</summary>
internal abstract class Answers(string username)
{
    public string Username => username;

    /// <summary>Null until CreateAccount was answered.</summary>
    public long? AccountId { get; set; }

    /// <summary>The token of the last session; it must be worth nothing once <see cref="LoggedOut"/>.</summary>
    public string? Token { get; set; }

    public bool LoggedOut { get; set; }

    /// <summary>Answers that contradict earlier ones.</summary>
    public List<string> Contradictions { get; } = [];
}

/// <summary>What a seller knows.</summary>
internal sealed class SellersAnswers(string username) : Answers(username)
{
    /// <summary>By id.</summary>
    public Dictionary<string, OwnItem> Items { get; } = [];

    /// <summary>Their registration was sent and not answered.</summary>
    public List<OwnItem> MaybeItems { get; } = [];
}

/// <summary>Votes on an item.</summary>
internal record struct Votes(int Up, int Down, int Maybe)
{
    public static Votes operator +(Votes a, Votes b) => new(a.Up + b.Up, a.Down + b.Down, a.Maybe + b.Maybe);
}

/// <summary>What a buyer knows.</summary>
internal sealed class BuyersAnswers(string username) : Answers(username)
{
    /// <summary>Every purchase that was answered, in order.</summary>
    public List<Receipt> Receipts { get; } = [];

    public int MaybePurchases { get; set; }

    /// <summary>By item.</summary>
    public Dictionary<string, Votes> Votes { get; } = [];

    /// <summary>
    /// Units by item that the account's saved cart must hold: as saved last, without what was bought since. Null where an answer is missing
    /// that would tell.
    /// </summary>
    public Dictionary<string, int>? SavedCart { get; set; } = [];
}
