namespace Agora.Web.Shop;

/// <summary>What a page of the cart says beside the cart itself.</summary>
public sealed class CartForm
{
    /// <summary>The item that was put into it just now; empty if none was.</summary>
    public string Added { get; init; } = "";

    /// <summary>What is wrong with a line, by its item.</summary>
    public FormErrors Errors { get; } = new();
}
