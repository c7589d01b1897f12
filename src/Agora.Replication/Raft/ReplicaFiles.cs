using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// The directory of a replica's log and ballot: what is opened and made there, and what is wrong with it.
/// </summary>
internal sealed class ReplicaFiles(DatabaseGroup group, string root, ReplicatedStore store, RaftLogOptions options)
    : IDisposable
{
    private const string DirectoryName = "raft";

    private readonly string _directory = Path.Combine(root, DirectoryName);
    private RaftLog? _log;
    private Ballot? _ballot;

    /// <summary>Where log and ballot are.</summary>
    public string Location => _directory;

    /// <summary>Where a state that is being fetched is written.</summary>
    public string IncomingState => Path.Combine(_directory, "incoming.db");

    /// <summary>
    /// Makes log and ballot of a replica that begins a group together with others which have the same state: an empty
    /// log behind the state's position, in a first term that nobody has voted in.
    /// </summary>
    /// <param name="root">The replica's directory.</param>
    /// <param name="position">The state's position.</param>
    /// <param name="owner">The replica.</param>
    public static void Begin(string root, long position, ReplicaOwner owner)
    {
        const long FirstTerm = 1;
        var directory = Path.Combine(root, DirectoryName);
        RaftLogOptions options = new() { Owner = owner.Mark };

        // The group has one log from here on, whatever the terms in which the entries of the copied one were made.
        TermRun[] terms = position > 0 ? [new TermRun(1, FirstTerm)] : [];
        RaftLog.Create(directory, Math.Max(position, 0), terms, options).Dispose();
        Ballot.Create(directory, new BallotState { Term = FirstTerm }, options).Dispose();
    }

    /// <summary>
    /// Opens what is there, after it has proved to belong together. Nothing is changed before that but the torn end of
    /// the log.
    /// </summary>
    /// <exception cref="ReplicaDamagedException">It is damaged, another's, or does not belong together.</exception>
    public void Open()
    {
        Directory.CreateDirectory(_directory);
        foreach (var left in Directory.GetFiles(_directory, "*.db"))
        {
            File.Delete(left);
        }

        // The library's own log, which holds nothing: what a crash or damage left of it does not matter.
        if (LogAdapter.UnusedLogIn(_directory) is var unused && Directory.Exists(unused))
        {
            Directory.Delete(unused, recursive: true);
        }

        try
        {
            _ballot = Ballot.Open(_directory, options);
            if (_ballot is { State.NeedsState: false } ballot)
            {
                _log = OpenLog(ballot);
            }
            else if (_ballot is null)
            {
                ThrowIfOnlyTheBallotIsGone();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>
    /// Hands over what was opened. Without a ballot the replica has promised nothing, or lost it; without a log it
    /// needs the state.
    /// </summary>
    public (RaftLog? Log, Ballot? Ballot) Take()
    {
        var taken = (_log, _ballot);
        (_log, _ballot) = (null, null);
        return taken;
    }

    /// <summary>The ballot, which was there before.</summary>
    public Ballot ReopenBallot() =>
        Ballot.Open(_directory, options)
        ?? throw new ReplicaDamagedException(
            Ballot.PathIn(_directory),
            "is gone: this replica no longer knows what it promised"
        );

    public Ballot CreateBallot(BallotState state) => Ballot.Create(_directory, state, options);

    public RaftLog CreateLog(long baseIndex, ReadOnlySpan<TermRun> terms) =>
        RaftLog.Create(_directory, baseIndex, terms, options);

    /// <summary>
    /// Which of the replica's files is at fault and what helps; the exception itself where no file is.
    /// </summary>
    public Exception Explain(Exception e) =>
        e switch
        {
            ReplicaDamagedException damaged => damaged.With(ReplicaAdvice.ForLog(group, root)),
            IOException or UnauthorizedAccessException => FileFault.Of(Path.GetFullPath(_directory), e),
            _ => e,
        };

    /// <summary>Says which files here are no part of the log.</summary>
    public void WarnOfStrays(ILogger logger)
    {
        string[] strays =
        [
            .. Directory
                .GetFileSystemEntries(_directory)
                .Where(f =>
                    f != Ballot.PathIn(_directory)
                    && f != LogAdapter.UnusedLogIn(_directory)
                    && LogSegment.NumberOf(f) is null
                    && !f.EndsWith(".begun", StringComparison.Ordinal)
                )
                .Select(f => Path.GetFileName(f)),
        ];
        if (strays.Length > 0)
        {
            logger.LogWarning(
                "{Directory} also holds {Files}, which is no part of the log and left alone; keep it elsewhere",
                _directory,
                string.Join(", ", strays)
            );
        }
    }

    public void Dispose()
    {
        _log?.Dispose();
        _ballot?.Dispose();
        (_log, _ballot) = (null, null);
    }

    // The log, which fits the state and the ballot.
    private RaftLog OpenLog(Ballot ballot)
    {
        var log = RaftLog.Open(_directory, options);
        var term = log.TermAt(log.LastIndex);
        var misfit =
            store.Applied > log.LastIndex || Math.Max(store.Applied, 0) < log.BaseIndex
                ? new ReplicaDamagedException(
                    _directory,
                    $"the log holds entries {log.BaseIndex + 1} to {log.LastIndex}, while the state is at "
                        + $"{store.Applied}: they do not belong together"
                )
            : ballot.State.Term < term
                ? new ReplicaDamagedException(
                    Ballot.PathIn(_directory),
                    $"is at term {ballot.State.Term}, while the log beside it has entries of term {term}: "
                        + "this replica no longer knows what it promised"
                )
            : null;
        if (misfit is not null)
        {
            log.Dispose();
            throw misfit;
        }

        return log;
    }

    // A crash while this replica joins, or while a group begins, leaves a log without entries and no ballot yet.
    private void ThrowIfOnlyTheBallotIsGone()
    {
        if (LogSegment.Find(_directory).Count == 0)
        {
            return;
        }

        using var log = RaftLog.Open(_directory, options);
        if (log.LastIndex > log.BaseIndex)
        {
            throw new ReplicaDamagedException(
                Ballot.PathIn(_directory),
                $"is gone, while the log beside it has entries up to {log.LastIndex}: "
                    + "this replica no longer knows what it promised"
            );
        }
    }
}
