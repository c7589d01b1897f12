using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>
/// The value of the cluster file's field <c>https</c>: a certificate, or <c>false</c>.
/// </summary>
/// <param name="Settings">The certificate; null for <c>false</c>.</param>
[JsonConverter(typeof(HttpsChoiceConverter))]
internal sealed record HttpsChoice(HttpsSettings? Settings);

/// <summary>An object, or <c>false</c>.</summary>
internal sealed class HttpsChoiceConverter : JsonConverter<HttpsChoice>
{
    public override HttpsChoice Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.False => new HttpsChoice(null),
            JsonTokenType.StartObject => new HttpsChoice(
                JsonSerializer.Deserialize<HttpsSettings>(ref reader, options)
            ),
            _ => throw new JsonException($"write {HttpsSettings.Example}, or {HttpsSettings.Refused}"),
        };

    public override void Write(Utf8JsonWriter writer, HttpsChoice value, JsonSerializerOptions options)
    {
        if (value.Settings is { } settings)
        {
            JsonSerializer.Serialize(writer, settings, options);
        }
        else
        {
            writer.WriteBooleanValue(false);
        }
    }
}
