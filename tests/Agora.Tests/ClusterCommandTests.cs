using Agora.Cluster;
using Agora.Commands;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class ClusterCommandTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(7)]
    public void No_host_holds_a_majority_of_either_database_and_every_host_is_used(int count)
    {
        string[] hosts = [.. Enumerable.Range(1, count).Select(i => $"shop-{i}")];

        var file = ClusterCommand.Spread(hosts);

        Assert.All(
            new[] { file.Customers, file.Products },
            database =>
            {
                Assert.Equal(5, database.Replicas.Count);
                Assert.All(database.Replicas.GroupBy(r => r.Host), host => Assert.True(host.Count() <= 2));
            }
        );
        Assert.Equal(hosts, file.Processes().Select(p => p.Host).Distinct().Order());
    }

    [Fact]
    public void Over_four_hosts_the_two_databases_double_up_on_different_ones()
    {
        var file = ClusterCommand.Spread(["a", "b", "c", "d"]);

        string Doubled(DatabaseGroup group) => group.Replicas.GroupBy(r => r.Host).Single(g => g.Count() == 2).Key;
        Assert.NotEqual(Doubled(file.Customers), Doubled(file.Products));
    }

    [Fact]
    public void A_network_gets_rates_and_no_choice_about_https_that_nobody_made()
    {
        var file = ClusterCommand.Spread(["a", "b", "c"]);

        Assert.NotNull(file.Limits.RequestsPerSecond);
        Assert.NotNull(file.Limits.LoginsPerMinute);
        Assert.Null(file.Https);
        Assert.False(file.PlainHttp);
        Assert.NotNull(file.RefusalToStart(file.Processes(), "cluster.json"));
        Assert.Equal(ClusterFile.Default.Limits, ClusterCommand.Spread(["127.0.0.1", "127.0.0.2", "127.0.0.3"]).Limits);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("a", "b")]
    [InlineData("a", "b", "A")]
    public void Too_few_hosts_or_one_named_twice_are_refused(params string[] hosts) =>
        Assert.Throws<CommandFailedException>(() => ClusterCommand.Spread(hosts));

    [Fact]
    public void A_host_that_is_none_is_refused() =>
        Assert.Throws<ClusterFileException>(() => ClusterCommand.Spread(["a", "b", "http://c"]));
}
