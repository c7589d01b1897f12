namespace Agora.Cluster;

/// <summary>What happens to a group's key when a cluster's keys are made.</summary>
public enum GroupKeyRule
{
    /// <summary>It is made with the authority. If it has been lost since, making keys is refused.</summary>
    Keep,

    /// <summary>A lost key is replaced: the group has no data yet.</summary>
    Make,

    /// <summary>A new key takes its place.</summary>
    Replace,
}
