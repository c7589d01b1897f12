using Google.Protobuf;

namespace Agora.Servers.Tests;

public sealed class RequestIdsTests
{
    [Fact]
    public void A_request_id_follows_from_function_session_and_key_and_from_nothing_less()
    {
        var id = RequestIds.Derive("AddItemToCart", [1, 2, 3], "key");
        Assert.Equal(16, id.Length);
        Assert.Equal(id, RequestIds.Derive("AddItemToCart", [1, 2, 3], "key"));
        ByteString[] others =
        [
            RequestIds.Derive("SaveCart", [1, 2, 3], "key"),
            RequestIds.Derive("AddItemToCart", [1, 2, 4], "key"),
            RequestIds.Derive("AddItemToCart", [1, 2, 3], "kez"),
            RequestIds.Derive("AddItemToCart", [1, 2], "\u0003key"),
            RequestIds.Derive("AddItemToCart\u0001", [2, 3], "key"),
            RequestIds.Random(),
            RequestIds.Random(),
        ];
        Assert.Equal(others.Length + 1, others.Append(id).Distinct().Count());
    }
}
