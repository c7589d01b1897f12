namespace Agora.Rest;

/// <summary>Votes on an item.</summary>
public sealed record ItemFeedback
{
    /// <summary>Votes up.</summary>
    public required long ThumbsUp { get; init; }

    /// <summary>Votes down.</summary>
    public required long ThumbsDown { get; init; }
}
