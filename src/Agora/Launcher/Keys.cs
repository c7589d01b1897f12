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
    /// <param name="secrets">Where they are, or are to be.</param>
    /// <param name="data">The data directory.</param>
    /// <param name="cluster">Names the processes and their hosts.</param>
    /// <param name="forAll">Every process of the cluster is started with them, as by <c>agora up</c>; not one of many, as by <c>agora run</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task EnsureAsync(
        ClusterSecrets secrets, DataDirectory data, ClusterFile cluster, bool forAll, CancellationToken cancellationToken)
    {
        bool allHere = cluster.Processes().All(p => Ports.IsLocal(p.Host));
        bool areOwn = secrets.Directory == data.Secrets.Directory && allHere;
        if (secrets.Exist ? secrets.CanMake : areOwn)
        {
            await MakeAsync(secrets, cluster, renew: false, forAll && !data.HoldsDataOfGroup(cluster) ? GroupKeyRule.Make : GroupKeyRule.Keep, cancellationToken);
        }
        else if (!secrets.Exist)
        {
            throw new CommandFailedException(
                $"there are no keys in {secrets.Directory}, and this cluster has other hosts too: "
                + "'agora cluster keys --cluster FILE' makes them once for all, and says what to copy where");
        }
    }

    public static async Task MakeAsync(
        ClusterSecrets secrets, ClusterFile cluster, bool renew, GroupKeyRule groupKey, CancellationToken cancellationToken)
    {
        try
        {
            await secrets.MakeAsync(cluster, TimeProvider.System.GetUtcNow(), renew, groupKey, cancellationToken);
        }
        catch (IOException e)
        {
            throw new CommandFailedException(e.Message, e);
        }
    }

    /// <summary>Whoever types this command; null where there is no key for that here.</summary>
    public static ComponentIdentity? Operator(ClusterSecrets secrets) => Load(now => secrets.OfOperator(now));

    /// <summary>As whom a supervisor asks: on a host without the operator's key, as one of its own processes.</summary>
    public static ComponentIdentity? Watcher(ClusterSecrets secrets, IEnumerable<ClusterProcess> local) => Load(now => secrets.OfWatcher(local, now));

    /// <summary>What to tell somebody who needs the operator's key where it is not.</summary>
    public static string NoOperator(ClusterSecrets secrets) =>
        $"there is no operator's key in {secrets.Directory}, without which the databases show nothing: it lies where the cluster's keys were made. "
        + "Run this there, or copy authority.crt, operator.crt and operator.key from there and name their directory with --secrets";

    private static ComponentIdentity? Load(Func<DateTimeOffset, ComponentIdentity?> load)
    {
        try
        {
            return load(TimeProvider.System.GetUtcNow());
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
