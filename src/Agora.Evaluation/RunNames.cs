namespace Agora.Evaluation;

/// <summary>Names that all clients of a run share, and that no other run on this marketplace uses.</summary>
/// <param name="Tag">Part of every username and item name.</param>
/// <param name="FirstCategory">The first of the categories that hold this run's items.</param>
/// <param name="Authority">The file of the authority that signed the servers' certificate; null where the system knows
/// it, or without HTTPS.</param>
internal sealed record RunNames(string Tag, int FirstCategory, string? Authority = null)
{
    public const int Categories = 10;
    public const string NoItem = "0-0";
    public const string Password = "correct horse battery";

    public static IReadOnlyList<string> Keywords { get; } =
    ["red", "blue", "bike", "book", "lamp", "chair", "vintage", "small", "large", "garden", "music", "travel"];
}
