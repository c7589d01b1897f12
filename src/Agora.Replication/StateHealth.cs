using Microsoft.Extensions.Logging;

namespace Agora.Replication;

/// <summary>
/// Whether this replica's state may be served. One that is found wrong is refused from that moment on, in all calls but
/// those that say how the replica is, and its directory is condemned.
/// </summary>
/// <param name="directory">The replica's directory.</param>
/// <param name="logger">Gets what is found.</param>
internal sealed class StateHealth(ReplicaDirectory directory, ILogger<StateHealth> logger)
{
    private readonly string _path = Path.Combine(directory.Path, ReplicatedStore.FileName);
    private volatile string? _wrong;
    private volatile string? _note;

    /// <summary>Why the state must not be served; null if it may.</summary>
    public string? Wrong => _wrong;

    /// <summary>What a person should look after, though the replica serves; null if nothing.</summary>
    public string? Note
    {
        get => _note;
        set => _note = value;
    }

    /// <summary>The state is wrong: nothing of it is served any more, and the process ends.</summary>
    public void MarkWrong(string reason)
    {
        _wrong = reason;
        logger.LogCritical("{Path}: {Reason}. This replica serves nothing from now on", _path, reason);
        try
        {
            directory.Condemn($"{_path}: {reason}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process stays: the next one would serve these files, as nothing there says that they are wrong.
            logger.LogError(e, "The directory cannot be condemned; the process goes on and serves nothing");
        }
    }

    /// <exception cref="ReplicaUnavailableException">The state is wrong.</exception>
    public void ThrowIfWrong()
    {
        if (_wrong is { } reason)
        {
            throw new ReplicaUnavailableException($"This replica's state is wrong: {reason}.");
        }
    }
}
