using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Replication;
using Agora.Replication.Hosting;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Net.Client;
using Xunit;

namespace Agora.Testing;

/// <summary>
/// Every component calls every method of one database, with every kind of command, over TLS. Requests are empty, so
/// that they do nothing where they are let through.
/// </summary>
internal sealed class EveryCaller(string database, LoneReplica replica) : IAsyncDisposable
{
    private static readonly Marshaller<byte[]> s_bytes = Marshallers.Create(bytes => bytes, bytes => bytes);

    private static readonly string[] s_components =
    [
        Components.Customers,
        Components.Products,
        Components.SellerServer,
        Components.BuyerServer,
        Components.Web,
        ClusterSecrets.Operator,
    ];

    private readonly ClusterSecrets _secrets = new(Path.Combine(replica.Directory, "secrets"));

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => replica.DisposeAsync();

    /// <summary>Starts the replica, and returns the calls whose fate differs from what the table says.</summary>
    /// <param name="service">The database's own service.</param>
    /// <param name="commands">Who may send which kind of command, by the kind's field number.</param>
    /// <param name="withoutEffect">The kind that a seller server may send too, as long as it is empty.</param>
    public async Task<List<string>> CallAllAsync(
        ServiceDescriptor service,
        IReadOnlyDictionary<int, string[]> commands,
        int withoutEffect
    )
    {
        await _secrets.MakeAsync(ClusterFile.Default, TimeProvider.System.GetUtcNow(), renew: false, Ended);
        await replica.StartAsync(identity: Identity($"{database}/0"));

        // Customers run on the rotating sequencer, which has no service of Raft.
        ServiceDescriptor[] services =
        [
            service,
            .. ReplicaReflection.Descriptor.Services,
            .. database == Components.Customers ? [] : RaftReflection.Descriptor.Services,
        ];
        List<string> wrong = [];
        foreach (var component in s_components)
        {
            using var channel = Channel(component);
            var calls = channel.CreateCallInvoker();
            foreach (var method in services.SelectMany(each => each.Methods))
            {
                foreach (var (what, request, allowed) in Requests(component, method))
                {
                    if (await IsLetThroughAsync(calls, method, request) != allowed)
                    {
                        wrong.Add($"{component} {(allowed ? "is refused" : "may call")} {method.FullName} {what}");
                    }
                }
            }
        }

        return wrong;

        IEnumerable<(string What, IMessage Request, bool Allowed)> Requests(string component, MethodDescriptor method)
        {
            var role = component == Components.SellerServer ? Role.Seller : Role.Buyer;
            if (method.Name != "Execute")
            {
                yield return (
                    "",
                    Empty(method.InputType, role),
                    IsAllowed(component, Callers.Methods[$"/{method.Service.FullName}/{method.Name}"])
                );
                yield break;
            }

            foreach (var (kind, allowed) in commands)
            {
                var field = method.InputType.FindFieldByName("command");
                var (request, command) = (Empty(method.InputType, role), Empty(field.MessageType, role));
                var kindField = field.MessageType.FindFieldByNumber(kind);
                kindField.Accessor.SetValue(command, Empty(kindField.MessageType, role));
                field.Accessor.SetValue(request, command);
                yield return (
                    kindField.Name,
                    request,
                    IsAllowed(component, allowed) || (kind == withoutEffect && component == Components.SellerServer)
                );
            }
        }
    }

    private bool IsAllowed(string component, string[] callers) =>
        callers.Contains(component) || (component == database && callers.Contains(Callers.Peers));

    // Empty but for the role, where the message has one.
    private static IMessage Empty(MessageDescriptor type, Role role)
    {
        var message = type.Parser.ParseFrom([]);
        type.FindFieldByName("role")?.Accessor.SetValue(message, role);
        return message;
    }

    private static async Task<bool> IsLetThroughAsync(CallInvoker calls, MethodDescriptor method, IMessage request)
    {
        CallOptions options = new(deadline: DateTime.UtcNow.AddMinutes(1), cancellationToken: Ended);
        var type = method.IsServerStreaming ? MethodType.ServerStreaming : MethodType.Unary;
        var called = new Method<byte[], byte[]>(type, method.Service.FullName, method.Name, s_bytes, s_bytes);
        try
        {
            if (method.IsServerStreaming)
            {
                using var call = calls.AsyncServerStreamingCall(called, null, options, request.ToByteArray());
                await call.ResponseStream.MoveNext(Ended);
            }
            else
            {
                await calls.AsyncUnaryCall(called, null, options, request.ToByteArray());
            }

            return true;
        }
        catch (RpcException e)
        {
            // An empty request may be wrong in another way; then its caller was let through.
            return e.StatusCode != StatusCode.PermissionDenied;
        }
    }

    private GrpcChannel Channel(string component) =>
        GrpcChannel.ForAddress(
            $"https://127.0.0.1:{replica.Port}",
            new GrpcChannelOptions
            {
                HttpHandler = new SocketsHttpHandler
                {
                    UseProxy = false,
                    SslOptions = Identity(NameOf(component)).ClientOptions(database, 0),
                },
                DisposeHttpClient = true,
            }
        );

    // A replica that does not call itself; of the web servers there is only one.
    private static string NameOf(string component) =>
        component switch
        {
            ClusterSecrets.Operator => component,
            Components.Web => $"{component}/0",
            _ => $"{component}/1",
        };

    private ComponentIdentity Identity(string name)
    {
        var now = TimeProvider.System.GetUtcNow();
        return name == ClusterSecrets.Operator
            ? _secrets.OfOperator(now)!
            : _secrets.Of(ClusterFile.Default.Processes().Single(p => p.Name == name), now);
    }
}
