namespace Agora.Web.Shop;

/// <summary>What a receipt says beside the purchase itself.</summary>
public sealed class ReceiptNote
{
    /// <summary>It has just been bought.</summary>
    public bool IsNew { get; init; }

    /// <summary>The item that the buyer has just voted on; empty if there is none.</summary>
    public string VotedFor { get; init; } = "";

    /// <summary>Why a vote was refused, by its item.</summary>
    public FormErrors Errors { get; } = new();
}
