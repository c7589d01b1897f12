using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>Makes and loads the cluster's keys for commands; failures become messages for the user.</summary>
internal static class CommandSecrets
{
    /// <summary>
    /// Makes missing keys if the authority's key is here, or if the whole cluster is on this machine and its keys
    /// belong in the data directory. The keys of several hosts are made once, by <c>agora cluster init</c> or <c>agora
    /// cluster keys</c>, and copied.
    /// </summary>
    /// <param name="secrets">The directory of the keys.</param>
    /// <param name="data">The data directory.</param>
    /// <param name="cluster">Names the processes and their hosts.</param>
    /// <param name="forAll">Every process of the cluster is started with these keys, as by <c>agora up</c>, rather than
    /// one of many, as by <c>agora run</c>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task EnsureAsync(
        ClusterSecrets secrets,
        DataDirectory data,
        ClusterFile cluster,
        bool forAll,
        CancellationToken cancellationToken
    )
    {
        var allHere = cluster.Processes().All(p => Ports.IsLocal(p.Host));
        var areOwn = secrets.Directory == data.Secrets.Directory && allHere;
        if (secrets.Exist ? secrets.CanMake : areOwn)
        {
            await MakeAsync(
                secrets,
                cluster,
                renew: false,
                forAll && !data.HoldsDataOfGroup(cluster) ? GroupKeyRule.Make : GroupKeyRule.Keep,
                cancellationToken
            );
        }
        else if (!secrets.Exist)
        {
            throw new CommandFailedException(
                $"there are no keys in {secrets.Directory}, and this cluster has other hosts too: "
                    + "'agora cluster keys --cluster FILE' makes them once for all hosts, and says what to copy where"
            );
        }
    }

    public static async Task MakeAsync(
        ClusterSecrets secrets,
        ClusterFile cluster,
        bool renew,
        GroupKeyRule groupKey,
        CancellationToken cancellationToken
    )
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

    /// <summary>The operator's identity; null if its key is not here.</summary>
    public static ComponentIdentity? LoadOperator(ClusterSecrets secrets) => Load(now => secrets.OfOperator(now));

    /// <summary>
    /// The identity under which a supervisor asks processes: the operator's, or on a host without that key the one of a
    /// process of this host.
    /// </summary>
    public static ComponentIdentity? LoadWatcher(ClusterSecrets secrets, IEnumerable<ClusterProcess> local) =>
        Load(now => secrets.OfWatcher(local, now));

    /// <summary>
    /// The identity under which a process is asked for its health: its own where its key is here, as in its container
    /// or on its host; else the watcher's. Null if there is none.
    /// </summary>
    public static ComponentIdentity? LoadForHealth(
        ClusterSecrets secrets,
        ClusterProcess process,
        ClusterFile cluster
    ) =>
        Load(now => secrets.HasKeyOf(process) ? secrets.Of(process, now) : null)
        ?? LoadWatcher(secrets, cluster.Processes());

    /// <summary>The message for a command that needs the operator's key, and does not find it.</summary>
    public static string NoOperatorMessage(ClusterSecrets secrets) =>
        $"there is no operator's key in {secrets.Directory}, and the databases show nothing without it. "
        + "It is where the cluster's keys were made. Run this there, or copy authority.crt, operator.crt and "
        + "operator.key from there and name their directory with --secrets";

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

    /// <summary>
    /// The secret that opens the payment service's books; null if the operator's certificate does.
    /// </summary>
    public static MerchantSecret? LoadMerchantSecret(ClusterSecrets secrets, ClusterFile cluster)
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
