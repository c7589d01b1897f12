using Agora.Contracts.Cluster;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;

namespace Agora.Launcher;

/// <summary>Where a command gets the cluster's keys from, and what it makes of them by itself.</summary>
internal static class Keys
{
    /// <summary>
    /// Makes what is missing where that is this command's to do: where the authority's key is, and in the data directory
    /// of a cluster that is all on this machine. Keys of several hosts are made once, by <c>agora cluster init</c> or
    /// <c>agora cluster keys</c>, and copied.
    /// </summary>
    public static async Task EnsureAsync(ClusterSecrets secrets, DataDirectory data, ClusterFile cluster, CancellationToken cancellationToken)
    {
        bool areOwn = secrets.Directory == data.Secrets.Directory && cluster.Processes().All(p => Ports.IsLocal(p.Host));
        if (secrets.Exist ? secrets.CanMake : areOwn)
        {
            await MakeAsync(secrets, cluster, renew: false, cancellationToken);
        }
        else if (!secrets.Exist)
        {
            throw new CommandFailedException(
                $"there are no keys in {secrets.Directory}, and this cluster has other hosts too: 'agora cluster keys --cluster FILE' makes them once for all, and says what to copy where");
        }
    }

    public static async Task MakeAsync(ClusterSecrets secrets, ClusterFile cluster, bool renew, CancellationToken cancellationToken)
    {
        try
        {
            await secrets.MakeAsync(cluster, TimeProvider.System.GetUtcNow(), renew, cancellationToken);
        }
        catch (IOException e)
        {
            throw new CommandFailedException(e.Message, e);
        }
    }

    /// <summary>Whoever types this command; null where there is no key for that here.</summary>
    public static ComponentIdentity? Operator(ClusterSecrets secrets)
    {
        try
        {
            return secrets.OfOperator(TimeProvider.System.GetUtcNow());
        }
        catch (IOException e)
        {
            throw new CommandFailedException(e.Message, e);
        }
    }

    /// <summary>What opens the payment service's books where the operator's certificate does not.</summary>
    public static MerchantSecret? Merchant(ClusterSecrets secrets, ClusterFile cluster)
    {
        try
        {
            return MerchantSecret.For(cluster.Payments, secrets.PaymentsSecret());
        }
        catch (IOException e)
        {
            throw new CommandFailedException(e.Message, e);
        }
    }
}
