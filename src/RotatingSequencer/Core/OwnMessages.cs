using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// What this member sends of its own, once: payloads that were submitted become Requests, and Requests and Sequences
/// go out once they are on disk. So a member that dies and comes back never sends anything else under the same number.
/// <para>
/// In an epoch, SentRequest ≤ Claims.Locals of this member, and SentSequence ≤ Claims.Sequences.
/// </para>
/// </summary>
internal sealed class OwnMessages(CoreOptions options, MessageLog log, JournalRecords records, Outbox outbox)
{
    private readonly SubmissionQueue _submissions = new(options.MaxRequestBody);
    private readonly byte[] _body = new byte[options.MaxRequestBody];

    /// <summary>The last own Request that was sent to all.</summary>
    public long SentRequest { get; private set; } = log.Claims.Locals[options.Self];

    /// <summary>All own Sequences up to this number were sent to all.</summary>
    public long SentSequence { get; private set; } = log.Claims.Sequences;

    /// <summary>Local number of the first own Request since the start, or since this member joined.</summary>
    public long First { get; private set; } = log.OwnRequests.Contiguous + 1;

    /// <summary>Bytes of payloads that wait for a Request.</summary>
    public long WaitingBytes => _submissions.Bytes;

    /// <summary>Whether payloads wait for room in the window.</summary>
    public bool WaitsForRoom => !_submissions.IsEmpty && log.OwnUnderWay >= options.Window;

    /// <summary>Takes a payload; it must not change before it is delivered here.</summary>
    public void Submit(ReadOnlyMemory<byte> payload) => _submissions.Add(payload);

    /// <summary>
    /// Makes Requests of the waiting payloads. While enough of them wait for a number, payloads wait to share the next
    /// one, unless they fill it.
    /// </summary>
    public void MakeRequests()
    {
        var own = log.OwnRequests;
        while (
            !_submissions.IsEmpty
            && log.OwnUnderWay < options.Window
            && (own.Contiguous - log.Numbered[options.Self] < options.Pipeline || _submissions.FillsBody)
        )
        {
            var id = new RequestId(options.Self, own.Contiguous + 1);
            var length = _submissions.FillBody(_body);
            log.Hold(id, _body.AsSpan(0, length));
            records.AddRequest(id, _body.AsSpan(0, length));
        }
    }

    /// <summary>Sends what has become durable.</summary>
    public void SendDurable(long now)
    {
        while (SentRequest < log.Claims.Locals[options.Self])
        {
            var id = new RequestId(options.Self, ++SentRequest);
            ref var request = ref log.OwnRequests[id.Local];
            outbox.AddRequest(Outbox.All, id, request.Body);
            request.LastSent = LastSent.ToAll(now);
        }

        // Only every n-th number is this member's.
        for (var k = SentSequence + 1; k <= log.Claims.Sequences; k++)
        {
            if (k % options.Members == options.Self)
            {
                ref var sequence = ref log.Sequences[k];
                outbox.AddSequence(Outbox.All, k, sequence.Id);
                sequence.LastSent = LastSent.ToAll(now);
            }
        }

        SentSequence = log.Claims.Sequences;
    }

    /// <summary>Numbers above the cut of a new epoch are void.</summary>
    public void BeginView(Epoch epoch) => SentSequence = Math.Min(SentSequence, epoch.Cut);

    /// <summary>This member has joined. What it holds is not its to send; its own Requests begin here.</summary>
    public void BeginAfterJoining()
    {
        SentRequest = log.Claims.Locals[options.Self];
        SentSequence = log.Claims.Sequences;
        First = log.OwnRequests.Contiguous + 1;
    }
}
