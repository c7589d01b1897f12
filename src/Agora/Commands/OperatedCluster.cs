using Agora.Cluster;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>A cluster that runs, and the keys with which an operator asks its processes.</summary>
internal sealed class OperatedCluster : IDisposable
{
    private OperatedCluster(ClusterFile file, ComponentIdentity identity, MerchantSecret? merchant) =>
        (File, Identity, Merchant) = (file, identity, merchant);

    /// <summary>Where everything listens.</summary>
    public ClusterFile File { get; }

    /// <summary>The operator's identity.</summary>
    public ComponentIdentity Identity { get; }

    /// <summary>What opens the payment service's books; null where <see cref="Identity"/> does.</summary>
    public MerchantSecret? Merchant { get; }

    /// <summary>
    /// The cluster that the file names, or else the one that was last started from the data directory.
    /// </summary>
    /// <exception cref="CommandFailedException">The operator's key is not here.</exception>
    public static OperatedCluster Find(string dataDirectory, string? clusterPath, string? secretsDirectory)
    {
        DataDirectory data = new(dataDirectory);
        var isNamed =
            clusterPath is not null
            || Environment.GetEnvironmentVariable(ClusterFile.EnvironmentVariable) is { Length: > 0 };
        var file =
            !isNamed && System.IO.File.Exists(data.ClusterFile)
                ? ClusterFile.Load(data.ClusterFile)
                : ClusterFile.Resolve(clusterPath);
        var secrets = ClusterSecrets.Find(secretsDirectory, clusterPath, data.Root);
        if (!isNamed && !secrets.Exist)
        {
            secrets = data.SecretsInUse;
        }

        var identity =
            CommandSecrets.LoadOperator(secrets)
            ?? throw new CommandFailedException(CommandSecrets.NoOperatorMessage(secrets));
        return new OperatedCluster(file, identity, CommandSecrets.LoadMerchantSecret(secrets, file));
    }

    public void Dispose() => Identity.Dispose();
}
