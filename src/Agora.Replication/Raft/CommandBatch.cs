using System.Buffers;

namespace Agora.Replication.Raft;

/// <summary>What a leader appends: the commands of many submissions in one entry.</summary>
internal sealed class CommandBatch(long term, Submission[] submissions, byte[] payload)
{
    /// <summary>The term in which the leader makes it.</summary>
    public long Term => term;

    public Submission[] Submissions => submissions;

    public byte[] Payload => payload;

    public static CommandBatch Encode(long term, Submission[] submissions, ArrayBufferWriter<byte> buffer)
    {
        buffer.ResetWrittenCount();
        foreach (var submission in submissions)
        {
            submission.Command.EncodeWithLength(buffer);
        }

        return new CommandBatch(term, submissions, buffer.WrittenSpan.ToArray());
    }
}
