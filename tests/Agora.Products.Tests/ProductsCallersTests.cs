using Agora.Cluster;
using Agora.Contracts.Products;
using Agora.Replication.Hosting;
using Agora.Testing;
using Xunit;

namespace Agora.Products.Tests;

/// <summary>What the table of callers allows is let through, all else is refused.</summary>
public sealed class ProductsCallersTests
{
    [Fact]
    public async Task The_service_admits_the_callers_of_the_table_and_no_others()
    {
        await using var callers = new EveryCaller(
            Components.Products,
            new LoneReplica(
                (builder, cluster, directory, identity) => ProductsHost.Build(builder, cluster, 0, directory, identity),
                TimeProvider.System
            )
        );
        Assert.Empty(
            await callers.CallAllAsync(
                ProductsReflection.Descriptor.Services[0],
                Callers.ProductsCommands.ToDictionary(command => (int)command.Key, command => command.Value),
                withoutEffect: (int)ProductsCommand.KindOneofCase.Confirm
            )
        );
    }
}
