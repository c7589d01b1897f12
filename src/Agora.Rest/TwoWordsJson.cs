using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>An enum of two values, each written as one word.</summary>
/// <remarks>
/// Not JsonStringEnumConverter, which reads "up, down" as flags and answers Down. The schema that is generated for such
/// a converter is empty: the OpenAPI document adds the two words.
/// </remarks>
internal abstract class TwoWordsJson<T>((T Value, string Word) first, (T Value, string Word) second) : JsonConverter<T>
    where T : struct, Enum
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            if (reader.ValueTextEquals(first.Word))
            {
                return first.Value;
            }

            if (reader.ValueTextEquals(second.Word))
            {
                return second.Value;
            }
        }
        // The reader adds the path to the exception and keeps this message.
        throw new JsonException($"must be \"{first.Word}\" or \"{second.Word}\"");
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WriteStringValue(EqualityComparer<T>.Default.Equals(value, first.Value) ? first.Word : second.Word);
}
