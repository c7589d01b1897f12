using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Client;

/// <summary>
/// How the REST records are read and written, the same for servers and clients. Field names are camelCase and matched exactly;
/// a repeated field, a comment or a number in quotes is refused; a request with an unknown field is refused.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    PropertyNameCaseInsensitive = false,
    AllowDuplicateProperties = false,
    NumberHandling = JsonNumberHandling.Strict,
    RespectNullableAnnotations = true,
    MaxDepth = 16)]
[JsonSerializable(typeof(CreateAccountRequest))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(RegisterItemRequest))]
[JsonSerializable(typeof(ChangePriceRequest))]
[JsonSerializable(typeof(UnitsRequest))]
[JsonSerializable(typeof(AddToCartRequest))]
[JsonSerializable(typeof(PurchaseRequest))]
[JsonSerializable(typeof(FeedbackRequest))]
[JsonSerializable(typeof(SellerCreated))]
[JsonSerializable(typeof(BuyerCreated))]
[JsonSerializable(typeof(SellerSession))]
[JsonSerializable(typeof(BuyerSession))]
[JsonSerializable(typeof(SellerRating))]
[JsonSerializable(typeof(Seller))]
[JsonSerializable(typeof(SellerAccount))]
[JsonSerializable(typeof(BuyerAccount))]
[JsonSerializable(typeof(SalePage))]
[JsonSerializable(typeof(ItemRegistered))]
[JsonSerializable(typeof(Item))]
[JsonSerializable(typeof(ItemPage))]
[JsonSerializable(typeof(Cart))]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(Purchase))]
[JsonSerializable(typeof(PurchasePage))]
[JsonSerializable(typeof(Problem))]
public sealed partial class AgoraJson : JsonSerializerContext
{
    /// <summary>
    /// As <see cref="Default"/>, with quotes and letters of any language as they are: for what is only ever read as JSON, never as a part of a page.
    /// </summary>
    public static AgoraJson Readable => field ??=
        new(new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>Makes a server's options read and write the records as <see cref="Default"/> does.</summary>
    public static void Configure(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.PropertyNameCaseInsensitive = false;
        options.AllowDuplicateProperties = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.RespectNullableAnnotations = true;
        options.MaxDepth = 16;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.TypeInfoResolverChain.Insert(0, Default);
    }
}

// Not JsonStringEnumConverter: it takes "up, down" for flags and answers Down. A schema made from the converters is empty;
// whoever publishes one adds the two words.

internal sealed class ItemConditionJson() : TwoWordsJson<ItemCondition>((ItemCondition.New, "new"), (ItemCondition.Used, "used"));

internal sealed class ThumbJson() : TwoWordsJson<Thumb>((Thumb.Up, "up"), (Thumb.Down, "down"));

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
        // The reader adds the path to the exception and keeps the message.
        throw new JsonException($"must be \"{first.Word}\" or \"{second.Word}\"");
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) =>
        writer.WriteStringValue(EqualityComparer<T>.Default.Equals(value, first.Value) ? first.Word : second.Word);
}
