using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Rest;

/// <summary>
/// How the REST records are read and written, the same for servers and clients. Field names are camelCase and match
/// exactly. A repeated field, a comment or a number in quotes is refused, and so is a request with an unknown field.
/// </summary>
/// <remarks>
/// In requests every property may be null, so that a server names all missing fields at once; its validation says what
/// is required. A client ignores fields of an answer that it does not know, so that servers can add some. Amounts of
/// money are normalised to two decimals when set: 12.5 becomes 12.50.
/// </remarks>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    PropertyNameCaseInsensitive = false,
    AllowDuplicateProperties = false,
    NumberHandling = JsonNumberHandling.Strict,
    RespectNullableAnnotations = true,
    MaxDepth = 16
)]
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
    /// Like <see cref="Default"/>, but quotes and letters of any language are not escaped: for text that is read as
    /// JSON only, never as a part of a web page.
    /// </summary>
    public static AgoraJson Readable =>
        field ??= new(
            new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
        );

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
