using System.Net;
using Agora.Web.Assets;

namespace Agora.Web.Tests;

public class AssetTests(WebMarketplace marketplace)
{
    [Theory]
    [InlineData("base.css", "text/css")]
    [InlineData("shop.css", "text/css")]
    [InlineData("shop.js", "text/javascript")]
    [InlineData("agora.svg", "image/svg+xml")]
    public async Task An_asset_is_kept_for_ever_under_its_hash(string name, string type)
    {
        using var answer = await GetAsync(AssetFiles.Url(name), "br, gzip");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(["br"], answer.Content.Headers.ContentEncoding);
        Assert.Equal("public, max-age=31536000, immutable", answer.Headers.CacheControl!.ToString());
        using var plain = await GetAsync(AssetFiles.Url(name), "identity");
        Assert.Empty(plain.Content.Headers.ContentEncoding);
    }

    [Fact]
    public async Task A_page_of_another_version_gets_this_versions_file_and_does_not_keep_it()
    {
        using var answer = await GetAsync("/assets/base.0123456789.css", "identity");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoCache);
    }

    [Theory]
    [InlineData("/assets/secret.0123456789.css")]
    [InlineData("/assets/base.css")]
    [InlineData("/assets/..%2Fbase.css")]
    public async Task What_is_no_asset_is_not_there(string path)
    {
        using var answer = await GetAsync(path, "identity");

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public void A_name_that_is_not_embedded_is_a_fault_of_the_page() =>
        Assert.Throws<ArgumentException>(() => AssetFiles.Url("missing.css"));

    private async Task<HttpResponseMessage> GetAsync(string path, string accepted)
    {
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(marketplace.Web, path));
        request.Headers.Add("Accept-Encoding", accepted);
        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
