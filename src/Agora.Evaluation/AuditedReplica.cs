using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Contracts.Replication;
using Grpc.Core;

namespace Agora.Evaluation;

/// <summary>One replica of a database, called directly: an audit may see what REST does not show.</summary>
internal sealed class AuditedReplica(string component, int number, CallInvoker calls)
{
    public string Component => component;

    public string Name => FormattableString.Invariant($"{component}/{number}");

    public Replica.ReplicaClient Replica { get; } = new(calls);

    public Customers.CustomersClient Customers { get; } = new(calls);

    public Products.ProductsClient Products { get; } = new(calls);
}
