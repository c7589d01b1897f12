using RotatingSequencer.Core;
using RotatingSequencer.Hosting;

namespace RotatingSequencer;

/// <summary>What a member knows of the others, and what it has counted since its start; for people who watch.</summary>
/// <param name="Peers">The other members, by id.</param>
/// <param name="RepairsAsked">How often it asked for messages that it missed.</param>
/// <param name="RepairsAnswered">How many messages it sent again because somebody asked.</param>
public sealed record MemberDetails(IReadOnlyList<PeerStatus> Peers, long RepairsAsked, long RepairsAnswered)
{
    /// <summary>Read while the loop's thread goes on: each value is true, though not all of the same step.</summary>
    internal static MemberDetails Of(BroadcastCore core, OtherVersions otherVersions, int self, int members, long now)
    {
        var counters = core.Counters;
        return new MemberDetails(
            [.. Enumerable.Range(0, members).Where(member => member != self).Select(Peer)],
            Volatile.Read(ref counters.RepairsAsked),
            Volatile.Read(ref counters.AnsweredMessages)
        );

        PeerStatus Peer(int member)
        {
            var (heard, roundTrip) = core.KnownOf(member);
            return new PeerStatus(
                member,
                heard >= 0 ? TimeSpan.FromMicroseconds(Math.Max(0, now - heard)) : null,
                roundTrip is { } time ? TimeSpan.FromMicroseconds(time) : null,
                Volatile.Read(ref counters.From[member]),
                Volatile.Read(ref counters.To[member])
            )
            {
                OtherVersion = otherVersions.Of(member, heard, now),
            };
        }
    }
}
