using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Agora.Rest;

namespace Agora.Servers.Tests;

/// <summary>Compressed answers, and compressed bodies, which are refused.</summary>
public sealed class ContentCodingTests(InProcessMarketplace marketplace) : IAsyncLifetime
{
    private WatchedServers _servers = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _servers = await WatchedServers.StartAsync(marketplace);

    public ValueTask DisposeAsync() => _servers.DisposeAsync();

    [Theory]
    [InlineData("gzip", "gzip")]
    [InlineData("br", "br")]
    [InlineData("gzip, deflate, br", "br")]
    [InlineData("br;q=0.1, gzip;q=0.9", "gzip")]
    [InlineData("gzip;q=0", null)]
    [InlineData("*", "br")]
    [InlineData("*;q=0", null)]
    [InlineData("br;q=0, *", "gzip")]
    [InlineData("identity, gzip;q=0.5", null)]
    [InlineData("identity;q=0, gzip", "gzip")]
    [InlineData("deflate", null)]
    [InlineData("", null)]
    [InlineData("gzip;q=nonsense", null)]
    public async Task A_large_answer_comes_in_the_coding_that_its_reader_likes_best(string accepted, string? coding)
    {
        var seller = await SellerWithItemsAsync();
        var plain = await seller.GetAsync<ItemPage>("/items");
        using var response = await GetAsync(seller, "/items", accepted);
        Assert.Equal(coding is null ? [] : [coding], response.Content.Headers.ContentEncoding);
        Assert.Equal(["Accept-Encoding"], response.Headers.Vary);
        await using var body = await response.Content.ReadAsStreamAsync(Cancellation);
        await using var decoded = coding switch
        {
            "gzip" => new GZipStream(body, CompressionMode.Decompress),
            "br" => new BrotliStream(body, CompressionMode.Decompress),
            _ => body,
        };
        var page = (await JsonSerializer.DeserializeAsync(decoded, AgoraJson.Default.ItemPage, Cancellation))!;
        Assert.Equal(plain.Items.Select(item => item.Id), page.Items.Select(item => item.Id));
        Assert.True(coding is null || response.Content.Headers.ContentLength < 1024);
    }

    [Fact]
    public async Task A_small_answer_stays_as_it_is_unless_its_reader_refuses_that()
    {
        var seller = await marketplace.AnySeller.Value;
        using var small = await GetAsync(seller, "/sellers/me/rating", "gzip");
        Assert.Empty(small.Content.Headers.ContentEncoding);
        using var refused = await GetAsync(seller, "/sellers/me/rating", "gzip, identity;q=0");
        Assert.Equal(["gzip"], refused.Content.Headers.ContentEncoding);
        using var problem = await GetAsync(seller, "/nothing", "br, identity;q=0");
        Assert.Equal(["br"], problem.Content.Headers.ContentEncoding);
        Assert.Equal(HttpStatusCode.NotFound, problem.StatusCode);
    }

    [Fact]
    public async Task An_answer_with_a_token_is_never_compressed()
    {
        var seller = await marketplace.AnySeller.Value;
        using var request = new HttpRequestMessage(HttpMethod.Post, "/sessions")
        {
            Content = new StringContent(
                JsonSerializer.Serialize(new { username = seller.Username, password = InProcessMarketplace.Password }),
                Encoding.UTF8,
                "application/json"
            ),
        };
        request.Headers.Add("Accept-Encoding", "gzip, br, identity;q=0");
        using var response = await _servers.Seller.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
        Assert.Empty(response.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task A_compressed_body_is_415_and_told_so()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/sessions")
        {
            Content = new ByteArrayContent([0x1F, 0x8B, 8, 0]),
        };
        request.Content.Headers.ContentType = new("application/json");
        request.Content.Headers.ContentEncoding.Add("gzip");
        using var response = await _servers.Seller.SendAsync(request, Cancellation);
        Assert.Contains(
            "Content-Encoding",
            (await response.ProblemAsync(415, ErrorCodes.UnsupportedMediaType)).Detail,
            StringComparison.Ordinal
        );
    }

    private static async Task<HttpResponseMessage> GetAsync(Caller caller, string path, string accepted)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Authorization", $"Bearer {caller.Token}");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);
        return await caller.Server.SendAsync(request, Cancellation);
    }

    private async Task<Caller> SellerWithItemsAsync()
    {
        var seller = await marketplace.NewSellerAsync();
        for (var i = 0; i < 10; i++)
        {
            await InProcessMarketplace.NewItemAsync(seller, 1);
        }

        return seller with
        {
            Server = _servers.Seller,
        };
    }
}
