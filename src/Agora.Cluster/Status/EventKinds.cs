namespace Agora.Cluster;

/// <summary>The kinds of events.</summary>
public static class EventKinds
{
    /// <summary>A process serves.</summary>
    public const string Up = "up";

    /// <summary>A process has ended, and nobody had asked for it.</summary>
    public const string Down = "down";

    /// <summary>Somebody asked for something: a kill, a stop, a start.</summary>
    public const string Act = "act";

    /// <summary>A database has another leader, or none.</summary>
    public const string Leader = "leader";

    /// <summary>The network of the lab has changed.</summary>
    public const string Network = "network";

    /// <summary>A demonstration has begun or ended.</summary>
    public const string Demonstration = "demonstration";
}
