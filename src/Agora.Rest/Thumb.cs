using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>A buyer's vote on an item: <c>up</c> or <c>down</c>.</summary>
[JsonConverter(typeof(ThumbJson))]
public enum Thumb
{
    /// <summary>Good.</summary>
    Up,

    /// <summary>Not good.</summary>
    Down,
}
