using Agora.Contracts.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Contracts.Replication;
using Agora.Contracts.Security;
using Agora.Customers;
using Agora.Products;
using Agora.Replication.Hosting;
using Agora.Testing;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Xunit;
using CustomersKind = Agora.Contracts.Customers.Command.KindOneofCase;
using ProductsKind = Agora.Contracts.Products.Command.KindOneofCase;

namespace Agora.Databases.Tests;

/// <summary>Every component calls every method with every kind of command, over the network: what the table allows is let through, all else is refused.</summary>
public sealed class CallersTests : IAsyncLifetime
{
    private static readonly Marshaller<byte[]> s_bytes = Marshallers.Create(bytes => bytes, bytes => bytes);
    private static readonly string[] s_components = [Components.Customers, Components.Products, Components.SellerServer, Components.BuyerServer, ClusterSecrets.Operator];

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-callers-").FullName;
    private readonly List<WebApplication> _running = [];
    private ClusterSecrets _secrets = null!;

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _secrets = new ClusterSecrets(Path.Combine(_directory, "secrets"));
        await _secrets.MakeAsync(ClusterFile.Default, TimeProvider.System.GetUtcNow(), renew: false, Ended);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var app in _running)
        {
            await app.DisposeAsync();
        }

        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void Every_method_and_every_kind_of_command_is_decided_about()
    {
        string[] methods =
        [
            .. Services.SelectMany(service => service.Methods).Where(method => method.Name != "Execute").Select(FullName),
        ];
        Assert.Equal(methods.Order(StringComparer.Ordinal), Callers.Methods.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Enum.GetValues<CustomersKind>().Where(kind => kind != CustomersKind.None).Order(), Callers.CustomersCommands.Keys.Order());
        Assert.Equal(Enum.GetValues<ProductsKind>().Where(kind => kind != ProductsKind.None).Order(), Callers.ProductsCommands.Keys.Order());
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
        Agora.Contracts.Customers.ExecuteRequest request = new() { Command = (Agora.Contracts.Customers.Command)CommandOf(Agora.Contracts.Customers.Command.Descriptor, (int)kind, Role.Seller) };

        Assert.False(Callers.May(component, Components.Customers, "/agora.customers.Customers/Execute", request));
    }

    /// <summary>An empty one changes nothing: it tells a seller server whether writes go through.</summary>
    [Fact]
    public void A_seller_server_settles_nothing()
    {
        Agora.Contracts.Products.ExecuteRequest Confirm(params ByteString[] ids) => new() { Command = new() { Confirm = new() { PurchaseIds = { ids } } } };
        Agora.Contracts.Customers.ExecuteRequest Mark(params ByteString[] ids) => new() { Command = new() { MarkForwarded = new() { VoteIds = { ids } } } };
        var id = ByteString.CopyFrom(new byte[16]);

        Assert.True(Callers.May(Components.SellerServer, Components.Products, "/agora.products.Products/Execute", Confirm()));
        Assert.False(Callers.May(Components.SellerServer, Components.Products, "/agora.products.Products/Execute", Confirm(id)));
        Assert.True(Callers.May(Components.SellerServer, Components.Customers, "/agora.customers.Customers/Execute", Mark()));
        Assert.False(Callers.May(Components.SellerServer, Components.Customers, "/agora.customers.Customers/Execute", Mark(id)));
    }

    [Fact]
    public void Servers_see_accounts_of_their_own_kind_only()
    {
        bool May(string component, Role role) =>
            Callers.May(component, Components.Customers, "/agora.customers.Customers/GetCredentials", new CredentialsQuery { Role = role });

        Assert.True(May(Components.SellerServer, Role.Seller));
        Assert.False(May(Components.SellerServer, Role.Buyer));
        Assert.True(May(Components.BuyerServer, Role.Buyer));
        Assert.False(May(Components.BuyerServer, Role.Seller));
        Assert.True(May(ClusterSecrets.Operator, Role.Seller));
    }

    [Theory]
    [InlineData(Components.Customers)]
    [InlineData(Components.Products)]
    public async Task Over_the_network_the_table_holds(string database)
    {
        var port = FreePorts.Take();
        await StartAsync(database, port);
        List<string> wrong = [];
        foreach (var component in s_components)
        {
            using var channel = Channel(component, database, port);
            var calls = channel.CreateCallInvoker();
            foreach (var method in ServicesOf(database).SelectMany(service => service.Methods))
            {
                foreach (var (what, request, allowed) in Requests(component, database, method))
                {
                    if (await IsLetThroughAsync(calls, method, request) != allowed)
                    {
                        wrong.Add($"{component} {(allowed ? "is refused" : "may call")} {method.FullName} {what}");
                    }
                }
            }
        }

        Assert.Empty(wrong);
    }

    private static ServiceDescriptor[] Services { get; } =
    [
        .. CustomersReflection.Descriptor.Services, .. ProductsReflection.Descriptor.Services,
        .. ReplicaReflection.Descriptor.Services, .. RaftReflection.Descriptor.Services,
    ];

    private static IEnumerable<ServiceDescriptor> ServicesOf(string database) => Services.Where(service =>
        service.File != (database == Components.Customers ? ProductsReflection.Descriptor : CustomersReflection.Descriptor));

    private static string FullName(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";

    private static IEnumerable<(string What, IMessage Request, bool Allowed)> Requests(string component, string database, MethodDescriptor method)
    {
        var role = component == Components.SellerServer ? Role.Seller : Role.Buyer;
        if (method.Name != "Execute")
        {
            IMessage request = method.Name == "GetCredentials" ? new CredentialsQuery { Role = role } : method.InputType.Parser.ParseFrom([]);
            yield return ("", request, Allows(Callers.Methods[FullName(method)]));
        }
        else if (database == Components.Customers)
        {
            foreach (var (kind, allowed) in Callers.CustomersCommands)
            {
                var command = (Agora.Contracts.Customers.Command)CommandOf(Agora.Contracts.Customers.Command.Descriptor, (int)kind, role);
                yield return ($"{kind}", new Agora.Contracts.Customers.ExecuteRequest { Command = command },
                    Allows(allowed) || (kind == CustomersKind.MarkForwarded && component == Components.SellerServer));
            }
        }
        else
        {
            foreach (var (kind, allowed) in Callers.ProductsCommands)
            {
                var command = (Agora.Contracts.Products.Command)CommandOf(Agora.Contracts.Products.Command.Descriptor, (int)kind, role);
                yield return ($"{kind}", new Agora.Contracts.Products.ExecuteRequest { Command = command },
                    Allows(allowed) || (kind == ProductsKind.Confirm && component == Components.SellerServer));
            }
        }

        bool Allows(string[] callers) => callers.Contains(component) || (component == database && callers.Contains(Callers.Peers));
    }

    // Empty, so that it does nothing where it is let through; with the role where there is one.
    private static IMessage CommandOf(MessageDescriptor type, int number, Role role)
    {
        var command = type.Parser.ParseFrom([]);
        if (type.FindFieldByNumber(number) is { } field)
        {
            var kind = field.MessageType.Parser.ParseFrom([]);
            if (field.MessageType.FindFieldByName("role") is { } roleField)
            {
                roleField.Accessor.SetValue(kind, role);
            }

            field.Accessor.SetValue(command, kind);
        }

        return command;
    }

    private static async Task<bool> IsLetThroughAsync(CallInvoker calls, MethodDescriptor method, IMessage request)
    {
        CallOptions options = new(deadline: DateTime.UtcNow.AddMinutes(1), cancellationToken: Ended);
        try
        {
            if (method.IsServerStreaming)
            {
                using var call = calls.AsyncServerStreamingCall(
                    new Method<byte[], byte[]>(MethodType.ServerStreaming, method.Service.FullName, method.Name, s_bytes, s_bytes), null, options, request.ToByteArray());
                await call.ResponseStream.MoveNext(Ended);
            }
            else
            {
                await calls.AsyncUnaryCall(
                    new Method<byte[], byte[]>(MethodType.Unary, method.Service.FullName, method.Name, s_bytes, s_bytes), null, options, request.ToByteArray());
            }

            return true;
        }
        catch (RpcException e)
        {
            // Whatever else is wrong with an empty request, its caller was let through.
            return e.StatusCode != StatusCode.PermissionDenied;
        }
    }

    private async Task StartAsync(string database, int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var key = Path.Combine(_directory, "customers.key");
        File.WriteAllBytes(key, "a key that only these tests know"u8.ToArray());
        builder.Configuration["Agora:GroupKeyFile"] = key;
        DatabaseAddress[] alone = [new DatabaseAddress { GrpcPort = port, PeerPort = FreePorts.Take() }];
        var cluster = ClusterFile.Default with
        {
            Customers = ClusterFile.Default.Customers with { Replicas = alone },
            Products = ClusterFile.Default.Products with { Replicas = alone },
        };
        var identity = Identity($"{database}/0");
        var data = Path.Combine(_directory, database);
        var app = database == Components.Customers
            ? CustomersHost.Build(builder, cluster, 0, data, identity)
            : ProductsHost.Build(builder, cluster, 0, data, identity);
        _running.Add(app);
        await app.StartAsync(Ended);
    }

    private GrpcChannel Channel(string component, string database, int port) => GrpcChannel.ForAddress($"https://127.0.0.1:{port}", new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = Identity(component == ClusterSecrets.Operator ? component : $"{component}/1").Towards(database, 0),
        },
        DisposeHttpClient = true,
    });

    private ComponentIdentity Identity(string name)
    {
        var now = TimeProvider.System.GetUtcNow();
        return name == ClusterSecrets.Operator ? _secrets.OfOperator(now)! : _secrets.Of(ClusterFile.Default.Processes().Single(p => p.Name == name), now);
    }
}
