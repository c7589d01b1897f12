using Agora.Cluster;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// The directory of a replica's log and ballot: what is opened and made there, and what is wrong with it.
/// </summary>
internal sealed class ReplicaFiles(
    DatabaseGroup group,
    string directory,
    ReplicatedStore store,
    RaftLogOptions options,
    ILogger logger
)
{
    public string Root => directory;

    /// <summary>Where a state that is being fetched is written.</summary>
    public string IncomingState => Path.Combine(directory, "incoming.db");

    /// <summary>Makes the directory, or tidies it.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(directory);
        foreach (var left in Directory.GetFiles(directory, "*.db"))
        {
            File.Delete(left);
        }

        WarnOfStrays();
    }

    /// <summary>The ballot; null where there is none.</summary>
    public Ballot? OpenBallot() => Ballot.Open(directory, options.Disk);

    /// <summary>The ballot, which was there before.</summary>
    public Ballot ReopenBallot() =>
        OpenBallot()
        ?? throw new LogDamagedException(
            Ballot.PathIn(directory),
            "is gone: this replica no longer knows what it promised"
        );

    public Ballot CreateBallot(BallotState state) => Ballot.Create(directory, state, options.Disk);

    /// <summary>The log, which fits the state.</summary>
    public RaftLog OpenLog()
    {
        var log = RaftLog.Open(directory, options);
        if (store.Applied <= log.LastIndex && Math.Max(store.Applied, 0) >= log.BaseIndex)
        {
            return log;
        }

        log.Dispose();
        throw new LogDamagedException(
            directory,
            $"the log holds entries {log.BaseIndex + 1} to {log.LastIndex}, while the state is at {store.Applied}: "
                + "they do not belong together"
        );
    }

    public RaftLog CreateLog(long baseIndex, ReadOnlySpan<TermRun> terms) =>
        RaftLog.Create(directory, baseIndex, terms, options);

    /// <summary>
    /// Which of the replica's files is at fault and what helps; the exception itself where no file is.
    /// </summary>
    public Exception Explain(Exception e) =>
        e switch
        {
            LogDamagedException damaged => new FixableException(
                Path.GetFullPath(damaged.File),
                damaged.What,
                ReplicaAdvice.ForLog(group, Path.GetDirectoryName(Path.GetFullPath(directory))!),
                e
            ),
            IOException or UnauthorizedAccessException => FileFault.Of(Path.GetFullPath(directory), e),
            _ => e,
        };

    private void WarnOfStrays()
    {
        string[] strays =
        [
            .. Directory
                .GetFileSystemEntries(directory)
                .Where(f =>
                    f != Ballot.PathIn(directory)
                    && f != LogAdapter.UnusedLogIn(directory)
                    && LogSegment.NumberOf(f) is null
                    && !f.EndsWith(".begun", StringComparison.Ordinal)
                )
                .Select(f => Path.GetFileName(f)),
        ];
        if (strays.Length > 0)
        {
            logger.LogWarning(
                "{Directory} also holds {Files}, which is no part of the log and left alone; keep it elsewhere",
                directory,
                string.Join(", ", strays)
            );
        }
    }
}
