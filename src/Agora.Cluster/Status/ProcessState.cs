namespace Agora.Cluster;

/// <summary>States of a process, as status prints them.</summary>
public static class ProcessState
{
    /// <summary>The process exists, but has not answered yet.</summary>
    public const string Starting = "starting";

    /// <summary>It answers.</summary>
    public const string Running = "running";

    /// <summary>It has answered before, but does not answer now.</summary>
    public const string Unresponsive = "unresponsive";

    /// <summary>It died, and will be started again after a pause.</summary>
    public const string Restarting = "restarting";

    /// <summary>It is ending in order.</summary>
    public const string Stopping = "stopping";

    /// <summary>Stopped by command, or not started yet.</summary>
    public const string Stopped = "stopped";

    /// <summary>Killed by command, and left dead.</summary>
    public const string Killed = "killed";

    /// <summary>It does not answer, and no supervisor here is responsible for it.</summary>
    public const string Unreachable = "unreachable";
}
