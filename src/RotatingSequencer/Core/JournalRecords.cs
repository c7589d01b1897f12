using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>The records that wait to be written to the journal; without a journal there are none.</summary>
internal sealed class JournalRecords(bool areKept)
{
    /// <summary>Records to write and sync, in the order in which they were added.</summary>
    public ArrayBufferWriter<byte> Waiting { get; } = new();

    public void AddLife(long number, long id)
    {
        if (areKept)
        {
            JournalFormat.WriteLife(Waiting, number, id);
        }
    }

    public void AddHeard(int member, HeardLife life)
    {
        if (areKept)
        {
            JournalFormat.WriteHeard(Waiting, member, life);
        }
    }

    public void AddRequest(RequestId id, ReadOnlySpan<byte> body)
    {
        if (areKept)
        {
            JournalFormat.WriteRequest(Waiting, id, body);
        }
    }

    public void AddSequence(long number, RequestId id)
    {
        if (areKept)
        {
            JournalFormat.WriteSequence(Waiting, number, id);
        }
    }

    public void AddPromise(long epoch)
    {
        if (areKept)
        {
            JournalFormat.WritePromise(Waiting, epoch);
        }
    }

    public void AddJoin(Epoch epoch)
    {
        if (areKept)
        {
            JournalFormat.WriteJoin(Waiting, epoch);
        }
    }

    public void AddEpoch(Epoch epoch)
    {
        if (areKept)
        {
            JournalFormat.WriteEpoch(Waiting, epoch);
        }
    }

    public void AddOperation(long epoch)
    {
        if (areKept)
        {
            JournalFormat.WriteOperation(Waiting, epoch);
        }
    }
}
