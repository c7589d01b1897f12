using Microsoft.Extensions.Logging;

namespace Agora.Replication.Raft;

/// <summary>
/// How a replica that has log and ballot comes back into the group: before it votes or acknowledges anything it asks
/// the others what it has acknowledged to them. Files that know less are an older copy, and of no use.
/// </summary>
/// <remarks>
/// <para>An older copy forgets what others rely on: with its vote a leader could be elected that lacks an entry which a
/// majority holds only together with this replica. That is so until it has caught up, so it must not vote
/// before.</para>
/// <para>The others know it as long as their processes live (<see cref="Acknowledgement"/>): a leader, and one that has
/// led before. Nobody knows what a replica holds that led itself. So where a majority takes part already, and elects a
/// leader just now, this one waits until they have done so without its vote: then nothing is lost that was
/// acknowledged with its help.</para>
/// <para>The wait is bounded, as a replica that was merely restarted may be needed for a majority, and after a restart
/// of all nobody knows anything. It ends when one that leads has answered, or when all have and are too few to elect a
/// leader without this one; at the latest after <see cref="MaxRounds"/> rounds of questions, or <see cref="s_maxWait"/>
/// for an election. Then the replica goes on with what it has.</para>
/// </remarks>
internal sealed class ReturnProcedure(RaftPeers peers, int members, string location, ILogger logger)
{
    /// <summary>What a replica says of itself meanwhile.</summary>
    public const string Reason = "it asks the others what it has acknowledged to them";

    // A process that is down refuses at once; one that is frozen, or a host that is away, costs a second a round.
    private const int MaxRounds = 3;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_maxWait = TimeSpan.FromSeconds(3);

    /// <summary>Returns when these files may be used.</summary>
    /// <exception cref="ReplicaDamagedException">They are an older copy.</exception>
    public async Task ThrowIfOlderCopyAsync(RaftLog log, Ballot ballot, CancellationToken cancellationToken)
    {
        var begun = TimeProvider.System.GetTimestamp();
        for (var round = 1; ; round++)
        {
            var answers = peers.Others.Zip(await peers.GetStandingsAsync(cancellationToken)).ToList();
            foreach (var (other, standing) in answers)
            {
                if (
                    standing?.Acknowledged is { } known
                    && new Acknowledgement(known.Term, known.Index, known.Committed).MissingIn(ballot.State.Term, log)
                        is { } missing
                )
                {
                    throw new ReplicaDamagedException(
                        location,
                        $"is an older copy of this replica's own files: replica {other} knows that {missing}"
                    );
                }
            }

            if (answers.Exists(a => a.Second is { HasLeader: true } s && s.Leader == a.First))
            {
                return;
            }

            var isElecting = answers.Count(a => a.Second is { TakesPart: true }) > members / 2;
            if (!isElecting && answers.TrueForAll(a => a.Second is not null))
            {
                return;
            }

            if (isElecting ? TimeProvider.System.GetElapsedTime(begun) > s_maxWait : round >= MaxRounds)
            {
                logger.LogInformation(
                    "No leader has said what this replica has acknowledged, and not all others have; it goes on"
                );
                return;
            }

            await Task.Delay(s_pause, cancellationToken);
        }
    }
}
