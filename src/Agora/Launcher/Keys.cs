using Agora.Contracts.Cluster;
using Agora.Contracts.Security;

namespace Agora.Launcher;

/// <summary>Where a command gets the cluster's keys from, and what it makes of them by itself.</summary>
internal static class Keys
{
    /// <summary>
    /// Makes what is missing where that is this command's to do: in the data directory, for a cluster that is all on this machine. Keys of
    /// several hosts are made once, by <c>agora cluster init</c> or <c>agora cluster keys</c>, and copied.
    /// </summary>
    public static async Task EnsureAsync(ClusterSecrets secrets, DataDirectory data, ClusterFile cluster, CancellationToken cancellationToken)
    {
        if (secrets.Directory == data.Secrets.Directory && secrets.CanMake && (secrets.Exist || cluster.Processes().All(p => Ports.IsLocal(p.Host))))
        {
            await MakeAsync(secrets, cluster, renew: false, data.HoldsDataOfGroup(cluster) ? GroupKeyRule.Keep : GroupKeyRule.Make, cancellationToken);
        }
        else if (!secrets.Exist)
        {
            throw new CommandFailedException(
                $"there are no keys in {secrets.Directory}, and this cluster has other hosts too: 'agora cluster keys --cluster FILE' makes them once for all, and says what to copy where");
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
}
