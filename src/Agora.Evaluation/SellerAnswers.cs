namespace Agora.Evaluation;

/// <summary>What a seller knows by its answers.</summary>
internal sealed class SellerAnswers(string username) : ClientAnswers(username)
{
    /// <summary>The seller's items by id.</summary>
    public Dictionary<string, OwnItem> Items { get; } = [];

    /// <summary>Items whose registration was sent and not answered.</summary>
    public List<OwnItem> MaybeItems { get; } = [];
}

/// <summary>What a seller knows about an item of its own.</summary>
internal sealed class OwnItem(string name, int registered, decimal price)
{
    /// <summary>Unique, so that the audit can find an item whose registration was not answered.</summary>
    public string Name => name;

    public int Registered => registered;

    /// <summary>Null where a change of the price was sent and not answered.</summary>
    public decimal? Price { get; set; } = price;

    public int Withdrawn { get; set; }

    public int MaybeWithdrawn { get; set; }
}
