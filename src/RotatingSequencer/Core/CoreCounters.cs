namespace RotatingSequencer.Core;

/// <summary>What a member counts, for its metrics.</summary>
internal sealed class CoreCounters
{
    public long Datagrams;
    public long Unauthentic;
    public long Oversized;
    public long Sent;
    public long SendFailures;
    public long Malformed;
    public long OtherIncarnation;
    public long Ignored;
    public long Duplicates;
    public long Requests;
    public long Sequences;
    public long Asked;
    public long AnsweredMessages;
    public long Repeated;
    public long Syncs;
    public long SentBytes;
}
