using System.Collections;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Agora.Rest;

/// <summary>
/// Reads a server's answer. A null is refused wherever a value must be: the serializer checks properties, and this
/// class checks lists and dictionaries too.
/// </summary>
internal static class AnswerReader
{
    public static T Read<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> type)
    {
        var answer = JsonSerializer.Deserialize(body, type) ?? throw new JsonException("null");
        Check(answer, type);
        return answer;
    }

    private static void Check(object value, JsonTypeInfo type)
    {
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object:
                foreach (var property in type.Properties)
                {
                    if (property.Get?.Invoke(value) is { } member)
                    {
                        Check(member, type.Options.GetTypeInfo(property.PropertyType));
                    }
                }

                break;
            case JsonTypeInfoKind.Enumerable:
                CheckAll((IEnumerable)value, type);
                break;
            case JsonTypeInfoKind.Dictionary:
                // Enumerated as pairs, its values would stay hidden.
                CheckAll(value is IDictionary dictionary ? dictionary.Values : ((IEnumerable)value), type);
                break;
        }
    }

    private static void CheckAll(IEnumerable elements, JsonTypeInfo type)
    {
        var inner = type.Options.GetTypeInfo(type.ElementType!);
        foreach (var element in elements)
        {
            Check(element ?? throw new JsonException("null in a list"), inner);
        }
    }
}
