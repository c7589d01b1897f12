using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// What the coordinator makes of the promises of all: a new epoch with its cut, the highest number up to which a member
/// that is in an epoch holds everything. What a member holds of an earlier epoch above the cut of the latest one is
/// void.
/// </summary>
internal static class EpochDecision
{
    /// <summary>Null when more disks are lost than the group can do without.</summary>
    /// <param name="proposal">The epoch that all have promised.</param>
    /// <param name="promises">The promises of all.</param>
    /// <param name="maxLost">How many members may have lost their disks at once.</param>
    /// <param name="forming">
    /// The first epoch of the group while some have not entered it, when nothing was ever delivered; 0 for none.
    /// </param>
    public static Epoch? Of(Epoch proposal, Promise[] promises, int maxLost, long forming)
    {
        var members = promises.Where(promise => promise.Epoch > 0).ToArray();
        var (cut, locals) = (-1L, new Epoch(promises.Length).Locals);
        if (members.Length > 0)
        {
            var latest = members.MaxBy(promise => promise.Epoch)!;
            if (promises.Length - members.Length > maxLost && latest.Epoch != forming)
            {
                // More disks were lost meanwhile.
                return null;
            }

            foreach (var promise in members)
            {
                var isValid = promise.Epoch == latest.Epoch || promise.Held <= latest.Cut;
                var (held, heldLocals) = isValid ? (promise.Held, promise.Locals) : (latest.Cut, latest.CutLocals);
                if (held >= cut)
                {
                    (cut, locals) = (held, heldLocals);
                }
            }
        }
        else if (Array.Exists(promises, promise => promise.Returns))
        {
            return null;
        }

        var epoch = new Epoch(promises.Length) { Number = proposal.Number, Cut = cut };
        proposal.Incarnations.CopyTo(epoch.Incarnations, 0);
        locals.CopyTo(epoch.Locals, 0);
        return epoch;
    }
}
