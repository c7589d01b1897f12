using System.Text.Json;
using Agora.Rest;
using Xunit;

namespace Agora.Client.Tests;

public sealed class RestRecordTests
{
    [Theory]
    [InlineData("12", "12.00")]
    [InlineData("12.5", "12.50")]
    [InlineData("0.01", "0.01")]
    [InlineData("12345678.90", "12345678.90")]
    public void Money_is_written_with_two_decimals(string given, string written)
    {
        var request = JsonSerializer.Deserialize($$"""{"price":{{given}}}""", AgoraJson.Default.ChangePriceRequest);
        Assert.Equal(
            $$"""{"price":{{written}}}""",
            JsonSerializer.Serialize(request, AgoraJson.Default.ChangePriceRequest)
        );
    }

    [Fact]
    public void Money_with_more_decimals_is_not_rounded_so_that_it_can_be_refused()
    {
        var request = JsonSerializer.Deserialize("""{"price":1.005}""", AgoraJson.Default.ChangePriceRequest)!;
        Assert.Equal(1.005m, request.Price);
    }

    [Fact]
    public void An_item_has_the_shape_of_the_contract()
    {
        var item = new Item
        {
            Id = "3-17",
            Name = "Bike",
            Category = 3,
            Keywords = ["red"],
            Condition = ItemCondition.Used,
            Price = 12.5m,
            Quantity = 2,
            SellerId = 9,
            Feedback = new() { ThumbsUp = 1, ThumbsDown = 0 },
        };
        const string Json =
            """{"id":"3-17","name":"Bike","category":3,"keywords":["red"],"condition":"used","price":12.50"""
            + ""","quantity":2,"sellerId":9,"feedback":{"thumbsUp":1,"thumbsDown":0}}""";
        Assert.Equal(Json, JsonSerializer.Serialize(item, AgoraJson.Default.Item));
        Assert.Equal(
            Json,
            JsonSerializer.Serialize(JsonSerializer.Deserialize(Json, AgoraJson.Default.Item), AgoraJson.Default.Item)
        );
    }

    [Theory]
    [InlineData("""{"itemId":"1-1","quantity":1,"itemId":"1-2"}""")]
    [InlineData("""{"itemId":"1-1","quantity":1,"price":1}""")]
    [InlineData("""{"itemId":"1-1","quantity":"1"}""")]
    [InlineData("""{"itemId":"1-1","quantity":1.5}""")]
    [InlineData("""{"itemId":"1-1","Quantity":1}""")]
    [InlineData("""{"itemId":"1-1","quantity":3000000000}""")]
    public void A_request_with_a_repeated_unknown_or_wrongly_typed_field_is_refused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, AgoraJson.Default.AddToCartRequest));

    [Theory]
    [InlineData("""{"thumb":"sideways"}""")]
    [InlineData("""{"thumb":0}""")]
    [InlineData("""{"thumb":"up, down"}""")]
    public void A_thumb_that_is_neither_up_nor_down_is_refused_with_the_field_and_what_to_fix(string json)
    {
        var refusal = Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize(json, AgoraJson.Default.FeedbackRequest)
        );
        Assert.Equal("$.thumb", refusal.Path);
        Assert.Equal("must be \"up\" or \"down\"", refusal.Message);
    }

    [Fact]
    public void An_answer_may_have_fields_that_the_client_does_not_know() =>
        Assert.Equal(
            7,
            JsonSerializer.Deserialize("""{"sellerId":7,"since":"2026"}""", AgoraJson.Default.SellerCreated)!.SellerId
        );

    [Fact]
    public void A_server_configured_by_us_reads_as_strictly_as_the_context()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        AgoraJson.Configure(options);
        Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize<AddToCartRequest>("""{"quantity":"1"}""", options)
        );
        Assert.Throws<JsonException>(() =>
            JsonSerializer.Deserialize<AddToCartRequest>("""{"quantity":1,"quantity":1}""", options)
        );
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<AddToCartRequest>("""{"more":1}""", options));
        Assert.Equal(1, JsonSerializer.Deserialize<AddToCartRequest>("""{"quantity":1}""", options)!.Quantity);
    }

    [Fact]
    public void No_secret_is_printed()
    {
        object[] records =
        [
            new CreateAccountRequest
            {
                Name = "n",
                Username = "u",
                Password = "s3cret",
            },
            new LoginRequest { Username = "u", Password = "s3cret" },
            new SellerSession
            {
                Token = "s3cret",
                SellerId = 1,
                ExpiresInSeconds = 300,
            },
            new BuyerSession
            {
                Token = "s3cret",
                BuyerId = 1,
                ExpiresInSeconds = 300,
            },
            new PurchaseRequest
            {
                CardholderName = "s3cret",
                CardNumber = "s3cret",
                ExpirationDate = "s3cret",
                SecurityCode = "s3cret",
            },
        ];
        Assert.All(records, record => Assert.DoesNotContain("s3cret", record.ToString(), StringComparison.Ordinal));
    }
}
