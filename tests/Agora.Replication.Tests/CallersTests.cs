using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Contracts.Replication;
using Agora.Replication.Hosting;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Xunit;
using CustomersKind = Agora.Contracts.Customers.CustomersCommand.KindOneofCase;
using ProductsKind = Agora.Contracts.Products.ProductsCommand.KindOneofCase;

namespace Agora.Replication.Tests;

/// <summary>
/// The table of who may call what. That both databases admit by it over the network is checked in their own suites.
/// </summary>
public sealed class CallersTests
{
    private static readonly ServiceDescriptor[] s_services =
    [
        .. CustomersReflection.Descriptor.Services,
        .. ProductsReflection.Descriptor.Services,
        .. ReplicaReflection.Descriptor.Services,
        .. RaftReflection.Descriptor.Services,
        .. StateReflection.Descriptor.Services,
    ];

    [Fact]
    public void Every_method_and_every_kind_of_command_is_decided_about()
    {
        string[] methods =
        [
            .. s_services
                .SelectMany(service => service.Methods)
                .Where(method => method.Name != "Execute")
                .Select(method => $"/{method.Service.FullName}/{method.Name}"),
        ];
        Assert.Equal(methods.Order(StringComparer.Ordinal), Callers.Methods.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            Enum.GetValues<CustomersKind>().Where(kind => kind != CustomersKind.None).Order(),
            Callers.CustomersCommands.Keys.Order()
        );
        Assert.Equal(
            Enum.GetValues<ProductsKind>().Where(kind => kind != ProductsKind.None).Order(),
            Callers.ProductsCommands.Keys.Order()
        );
    }

    [Theory]
    [InlineData(Components.SellerServer, CustomersKind.CompletePurchase)]
    [InlineData(Components.SellerServer, CustomersKind.AbandonPurchase)]
    [InlineData(Components.SellerServer, CustomersKind.RecordVote)]
    [InlineData(Components.Customers, CustomersKind.OpenSession)]
    [InlineData(ClusterSecrets.Operator, CustomersKind.CompletePurchase)]
    [InlineData(Components.BuyerServer, CustomersKind.None)]
    public void What_a_stolen_key_must_not_open_stays_closed(string component, CustomersKind kind)
    {
        var command = new CustomersCommand();
        if (CustomersCommand.Descriptor.FindFieldByNumber((int)kind) is { } field)
        {
            field.Accessor.SetValue(command, field.MessageType.Parser.ParseFrom([]));
        }

        command.OpenSession?.Role = Role.Buyer;
        var request = new CustomersRequest { Command = command };

        Assert.False(Callers.May(component, Components.Customers, "/agora.customers.Customers/Execute", request));
    }

    /// <summary>An empty one changes nothing: it tells a seller server whether writes go through.</summary>
    [Fact]
    public void A_seller_server_settles_nothing()
    {
        ProductsRequest Confirm(params ByteString[] ids) =>
            new() { Command = new() { Confirm = new() { PurchaseIds = { ids } } } };
        CustomersRequest Mark(params ByteString[] ids) =>
            new() { Command = new() { MarkForwarded = new() { VoteIds = { ids } } } };
        var id = ByteString.CopyFrom(new byte[16]);

        Assert.True(
            Callers.May(Components.SellerServer, Components.Products, "/agora.products.Products/Execute", Confirm())
        );
        Assert.False(
            Callers.May(Components.SellerServer, Components.Products, "/agora.products.Products/Execute", Confirm(id))
        );
        Assert.True(
            Callers.May(Components.SellerServer, Components.Customers, "/agora.customers.Customers/Execute", Mark())
        );
        Assert.False(
            Callers.May(Components.SellerServer, Components.Customers, "/agora.customers.Customers/Execute", Mark(id))
        );
    }

    /// <summary>The pages show the databases' status. What is in the databases they get from the servers.</summary>
    [Fact]
    public void A_web_server_asks_for_the_status_and_nothing_else()
    {
        Assert.Equal(
            ["/agora.replication.Replica/GetStatus"],
            Callers.Methods.Where(m => m.Value.Contains(Components.Web)).Select(m => m.Key)
        );
        Assert.DoesNotContain(Callers.CustomersCommands, c => c.Value.Contains(Components.Web));
        Assert.DoesNotContain(Callers.ProductsCommands, c => c.Value.Contains(Components.Web));
    }

    [Fact]
    public void Servers_see_accounts_of_their_own_kind_only()
    {
        bool May(string component, Role role) =>
            Callers.May(
                component,
                Components.Customers,
                "/agora.customers.Customers/GetCredentials",
                new CredentialsQuery { Role = role }
            );

        Assert.True(May(Components.SellerServer, Role.Seller));
        Assert.False(May(Components.SellerServer, Role.Buyer));
        Assert.True(May(Components.BuyerServer, Role.Buyer));
        Assert.False(May(Components.BuyerServer, Role.Seller));
        Assert.True(May(ClusterSecrets.Operator, Role.Seller));
    }
}
