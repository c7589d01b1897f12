using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Replication.Hosting;
using Agora.Testing;
using Xunit;

namespace Agora.Customers.Tests;

/// <summary>What the table of callers allows is let through, all else is refused.</summary>
public sealed class CustomersCallersTests
{
    [Fact]
    public async Task The_service_admits_the_callers_of_the_table_and_no_others()
    {
        await using var callers = new EveryCaller(
            Components.Customers,
            new LoneReplica(
                (builder, cluster, directory, identity) =>
                    CustomersHost.Build(builder, cluster, 0, directory, identity),
                TimeProvider.System
            )
        );
        Assert.Empty(
            await callers.CallAllAsync(
                CustomersReflection.Descriptor.Services[0],
                Callers.CustomersCommands.ToDictionary(command => (int)command.Key, command => command.Value),
                withoutEffect: (int)CustomersCommand.KindOneofCase.MarkForwarded
            )
        );
    }
}
