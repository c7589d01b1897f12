using Xunit;

namespace Agora.Cluster.Tests;

public sealed class ClusterFileEditTests
{
    [Theory]
    [InlineData(Components.Customers, 2)]
    [InlineData(Components.Products, 0)]
    public void Only_the_host_of_one_replica_changes(string component, int replica)
    {
        var changed = ClusterFile.Parse(
            ClusterFileEdit.WithHost(ClusterFile.Default.ToJson(), component, replica, "10.0.0.9")
        );

        var before = ClusterFile.Default.Processes();
        var after = changed.Processes();
        Assert.Equal(
            before.Select(p => (p.Name, p.Name == $"{component}/{replica}" ? "10.0.0.9" : p.Host)),
            after.Select(p => (p.Name, p.Host))
        );
        Assert.Equal(
            before.SelectMany(p => p.Endpoints.Select(e => e.Port)),
            after.SelectMany(p => p.Endpoints.Select(e => e.Port))
        );
    }

    [Fact]
    public void The_rest_of_the_text_stays_as_it_is()
    {
        const string Json = """
            {
              // ours
              "products": { "engine": "raft", "replicas": [ { "host": "a", "grpcPort": 1 } ] },
              "customers": {
                "replicas": [ {"grpcPort":1}, {"peerPort":2, "host" : "b" /* old */ }, {}, ],
              },
            }
            """;

        Assert.Equal(
            Json.Replace("\"b\"", "\"c\"", StringComparison.Ordinal),
            ClusterFileEdit.WithHost(Json, "customers", 1, "c")
        );
        Assert.Equal(
            Json.Replace("{\"grpcPort\":1}", "{ \"host\": \"c\",\"grpcPort\":1}", StringComparison.Ordinal),
            ClusterFileEdit.WithHost(Json, "customers", 0, "c")
        );
        Assert.Equal(
            Json.Replace("{}", "{ \"host\": \"c\" }", StringComparison.Ordinal),
            ClusterFileEdit.WithHost(Json, "customers", 2, "c")
        );
        Assert.Throws<ArgumentException>(() => ClusterFileEdit.WithHost(Json, "customers", 3, "c"));
        Assert.Throws<ArgumentException>(() => ClusterFileEdit.WithHost(Json, "web", 0, "c"));
    }
}
