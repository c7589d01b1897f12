using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Replication;

/// <summary>
/// A replica's own directory, locked for this process, and what happens to it when what it holds cannot be used: it is
/// set aside, and the replica comes back with nothing, as a new one under its old number.
/// </summary>
/// <remarks>
/// At a start that happens at once (<see cref="TrySetAside"/>). While the files are in use it is only noted
/// (<see cref="Condemn"/>): the process ends, and its next start completes it. Where no majority of others could give
/// the state back, nothing is set aside, and the replica says what helps.
/// </remarks>
internal sealed class ReplicaDirectory : IDisposable
{
    private readonly FileStream _lock;
    private readonly TimeProvider _time;
    private readonly KeptLog _startLog = new();
    private readonly TaskCompletionSource<string> _condemned = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ReplicaDirectory(string path, ReplicaOwner owner, bool comesBack, TimeProvider time)
    {
        (Path, Owner, ComesBack, _time) = (path, owner, comesBack, time);
        _lock = DirectoryLock.Take(path);
    }

    public string Path { get; }

    /// <summary>Whose the files here must be.</summary>
    public ReplicaOwner Owner { get; }

    /// <summary>The others can give back what this replica loses.</summary>
    public bool ComesBack { get; }

    /// <summary>Why this replica set aside what it held when this process started; null where it did not.</summary>
    public string? SetAsideReason { get; private set; }

    /// <summary>Where that is now.</summary>
    public string? SetAsideIn { get; private set; }

    /// <summary>Something was set aside here, by this process or an earlier one, and was not removed since.</summary>
    /// <remarks>
    /// Such a replica is not new. If all replicas of a group find their files of no use at once, as after a mistake
    /// with the cluster's keys, no empty group may begin in the place of theirs.
    /// </remarks>
    public bool HoldsSetAside => SetAside.Latest(Path) is not null;

    /// <summary>Completes with the reason when the files turn out to be of no use while they are used.</summary>
    public Task<string> Condemned => _condemned.Task;

    /// <summary>Locks a directory, and makes it if it is missing. Completes what an earlier process began.</summary>
    /// <exception cref="FixableException">The directory cannot be used, or another process uses it.</exception>
    public static ReplicaDirectory Take(string path, ReplicaOwner owner, bool comesBack, TimeProvider time)
    {
        ReplicaDirectory? directory = null;
        var full = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(full);
            directory = new ReplicaDirectory(full, owner, comesBack, time);
            directory.Note(SetAside.Finish(full, directory._startLog));
            return directory;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            directory?.Dispose();
            throw FileFault.Of(full, e);
        }
    }

    /// <summary>
    /// Sets aside everything here, before it is used. False where that would help nobody; then nothing has changed.
    /// </summary>
    public bool TrySetAside(string reason)
    {
        if (!ComesBack)
        {
            return false;
        }

        Note(SetAside.Everything(Path, reason, _time, _startLog));
        return true;
    }

    /// <summary>
    /// What this replica holds is of no use. The process must end; where the others can give it back, the next start
    /// sets it aside.
    /// </summary>
    public void Condemn(string reason)
    {
        if (ComesBack)
        {
            SetAside.Begin(Path, reason, _time);
        }

        _condemned.TrySetResult(reason);
    }

    /// <summary>Logs what happened here before there was a logger.</summary>
    public void LogStart(ILogger logger) => _startLog.Flush(logger);

    public void Dispose() => _lock.Dispose();

    private void Note(string? aside)
    {
        if (aside is not null && SetAside.Latest(Path) is { } latest)
        {
            (SetAsideIn, SetAsideReason) = latest;
        }
    }

    /// <summary>Keeps lines until there is somewhere to log them.</summary>
    private sealed class KeptLog : ILogger
    {
        private readonly List<(LogLevel Level, string Line)> _lines = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => _lines.Add((logLevel, formatter(state, exception)));

        public void Flush(ILogger logger)
        {
            foreach (var (level, line) in _lines)
            {
                logger.Log(level, "{Line}", line);
            }

            _lines.Clear();
        }
    }
}
