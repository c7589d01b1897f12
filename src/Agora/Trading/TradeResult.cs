using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agora.Trading;

/// <summary>The answer of a function.</summary>
/// <param name="Json">The answer for programs.</param>
/// <param name="Layout">The answer for people.</param>
internal sealed record TradeResult(string Json, Layout Layout)
{
    public static TradeResult Of<T>(T answer, JsonTypeInfo<T> type, Layout layout) =>
        new(JsonSerializer.Serialize(answer, type), layout);

    /// <summary>The result of a function that answers nothing.</summary>
    public static TradeResult Done(string text) => new("{}", Layouts.Line(text));
}
