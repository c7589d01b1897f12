namespace Agora.Web.Operations;

/// <summary>What the control room shows and does. The program implements it, because only the program can.</summary>
public interface IControlRoom
{
    /// <summary>The latest picture. Looking takes a new one where none is recent.</summary>
    /// <exception cref="TimeoutException">No picture could be taken in time.</exception>
    Task<Picture> LookAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Every new picture from now on. All who watch share one look at the cluster, about once a second.
    /// </summary>
    IAsyncEnumerable<Picture> WatchAsync(CancellationToken cancellationToken);

    /// <summary>Kills, stops or starts a process.</summary>
    Task<ActAnswer> ActAsync(ProcessAct act, string process, CancellationToken cancellationToken);

    /// <summary>Changes the lab's network.</summary>
    Task<ActAnswer> ActAsync(NetworkAct act, CancellationToken cancellationToken);

    /// <summary>Begins a demonstration, which runs on by itself; the pictures show how it goes.</summary>
    Task<ActAnswer> DemonstrateAsync(DemonstrationKind kind, CancellationToken cancellationToken);

    /// <summary>The last lines of a process's log; null if this host has no log of it.</summary>
    Task<LogTail?> LogAsync(string process, CancellationToken cancellationToken);
}
