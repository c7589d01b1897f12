namespace Agora.Contracts;

/// <summary>What a database replica says beside its answers, as gRPC trailers.</summary>
public static class ReplicaTrailers
{
    /// <summary>The number of the replica that leads, where one does.</summary>
    public const string Leader = "agora-leader";
}
