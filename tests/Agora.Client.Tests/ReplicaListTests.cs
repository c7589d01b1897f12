using Xunit;

namespace Agora.Client.Tests;

public sealed class ReplicaListTests
{
    [Fact]
    public void Without_a_start_clients_spread_over_all_servers_and_over_all_others_afterwards()
    {
        Uri[] addresses = [.. Enumerable.Range(1, 4).Select(i => new Uri($"http://127.0.0.1:{i}"))];
        var firstAndSecond = new HashSet<(int, int)>();
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            using var list = new ReplicaList(addresses, new() { Random = random });
            firstAndSecond.Add((list.Servers[0].Port, list.Servers[1].Port));
            Assert.Equal(4, list.Servers.Distinct().Count());
        }

        Assert.Equal(4 * 3, firstAndSecond.Count);
    }

    [Theory]
    [InlineData("ftp://127.0.0.1")]
    [InlineData("/relative")]
    public void An_address_that_is_none_is_refused(string address) =>
        Assert.Throws<ArgumentException>(() => new ReplicaList([new Uri(address, UriKind.RelativeOrAbsolute)]));
}
