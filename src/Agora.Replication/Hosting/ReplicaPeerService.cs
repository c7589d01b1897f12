using Agora.Contracts.Replication;
using Agora.Replication.Raft;
using Agora.Replication.Scrubbing;
using Grpc.Core;

namespace Agora.Replication.Hosting;

/// <summary>What a replica answers the others of its database, whichever engine orders their commands.</summary>
internal sealed class ReplicaPeerService(ReplicaDirectory directory, ReplicaClock clock, Scrubber scrubber)
    : ReplicaPeer.ReplicaPeerBase
{
    private readonly string _mark = directory.Owner.Group.ToString();

    public override Task<ClockReply> GetClock(ClockRequest request, ServerCallContext context)
    {
        GroupCheck.RefuseOtherGroups(context, _mark);
        return Task.FromResult(new ClockReply { Time = clock.Now });
    }

    public override Task<ScrubsReply> GetScrubs(ScrubsRequest request, ServerCallContext context)
    {
        GroupCheck.RefuseOtherGroups(context, _mark);
        ScrubsReply reply = new();
        reply.Findings.AddRange(
            scrubber.Results.Select(result => new ScrubFinding
            {
                Position = result.Position,
                Digest = result.Sha256,
                Sound = result.Damage is null,
            })
        );
        return Task.FromResult(reply);
    }

    public override async Task<BeginScrubReply> BeginScrub(BeginScrubRequest request, ServerCallContext context)
    {
        GroupCheck.RefuseOtherGroups(context, _mark);
        await scrubber.TrySubmitAsync(context.CancellationToken);
        return new BeginScrubReply();
    }
}
