using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Launcher;

/// <summary>What <c>agora status --json</c> prints.</summary>
/// <param name="Ready">Every function of the marketplace would be served.</param>
/// <param name="Processes">Every process of the cluster file.</param>
internal sealed record ClusterStatus(bool Ready, IReadOnlyList<ProcessStatus> Processes)
{
    /// <summary>What is not served, and what it waits for, where that is known: empty while all is, and where it was not asked.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];

    /// <summary>What keeps it from being whole, for people to read: who does not run, and whether some function is not served; null while nothing does.</summary>
    [JsonIgnore]
    public string? Lacks
    {
        get
        {
            string[] lacks =
            [
                .. Processes.Where(p => p.State != ProcessState.Running).Select(p => $"{p.Name} is {p.State}"),
                .. Ready ? [] : Missing.Count > 0 ? Missing : ["not every function is served"],
            ];
            return lacks.Length == 0 ? null : string.Join(", ", lacks);
        }
    }
}

/// <summary>One process.</summary>
/// <param name="Name">E.g. <c>products/3</c>.</param>
/// <param name="Component">E.g. <c>products</c>.</param>
/// <param name="Replica">E.g. 3.</param>
/// <param name="Pid">Its process id; null when it is not up, or was not started by a supervisor on this host.</param>
/// <param name="State">One of <see cref="ProcessState"/>.</param>
/// <param name="Restarts">How often the supervisor brought it back.</param>
/// <param name="Role">A database replica's role; null for servers and for what does not answer.</param>
/// <param name="Applied">How far a database replica has applied.</param>
/// <param name="Lag">How far that is behind the highest position known in its group.</param>
/// <param name="MemoryBytes">Resident memory.</param>
/// <param name="Addresses">Where it listens, by protocol.</param>
/// <param name="LastExit">How it ended last; null where it never has, or no supervisor here knows.</param>
internal sealed record ProcessStatus(
    string Name, string Component, int Replica, int? Pid, string State, int Restarts,
    string? Role, long? Applied, long? Lag, long? MemoryBytes, IReadOnlyDictionary<string, string> Addresses, ProcessExit? LastExit = null)
{
    /// <summary>How it ended last, where that is of interest now: it is down, or has come back only just. Null otherwise.</summary>
    public ProcessExit? Trouble(DateTimeOffset now) =>
        LastExit is { IsInOrder: false } exit && (State != ProcessState.Running || now.UtcDateTime - exit.At < s_recent) ? exit : null;

    // One that dies again and again is up in between.
    private static readonly TimeSpan s_recent = TimeSpan.FromMinutes(1);
}

/// <summary>States of a process, as status prints them.</summary>
internal static class ProcessState
{
    /// <summary>The process is there, but has not answered yet.</summary>
    public const string Starting = "starting";

    /// <summary>It answers.</summary>
    public const string Running = "running";

    /// <summary>It has answered before, and does not now.</summary>
    public const string Unresponsive = "unresponsive";

    /// <summary>It died, and will be started again after a pause.</summary>
    public const string Restarting = "restarting";

    /// <summary>It is ending in order.</summary>
    public const string Stopping = "stopping";

    /// <summary>Stopped by command, or not started yet.</summary>
    public const string Stopped = "stopped";

    /// <summary>Killed by command, and left dead.</summary>
    public const string Killed = "killed";

    /// <summary>It belongs on another host, or no supervisor is up here, and it does not answer.</summary>
    public const string Unreachable = "unreachable";
}

/// <summary>The JSON of commands and control channel.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(ClusterStatus))]
[JsonSerializable(typeof(ProcessExit))]
[JsonSerializable(typeof(DataMarker))]
[JsonSerializable(typeof(ControlAnswer))]
internal sealed partial class LauncherJson : JsonSerializerContext;
