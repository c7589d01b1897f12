using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>An item's condition: <c>new</c> or <c>used</c>.</summary>
[JsonConverter(typeof(ItemConditionJson))]
public enum ItemCondition
{
    /// <summary>Not used before.</summary>
    New,

    /// <summary>Second-hand.</summary>
    Used,
}
