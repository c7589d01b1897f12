namespace RotatingSequencer.Wire;

/// <summary>
/// What one life of a member tells another member of itself. A life is one start of a process. Nothing else is taken
/// from a life before it has answered a question that the receiver asked since its own start: an old datagram, however
/// it was obtained, answers none.
/// </summary>
internal struct Greeting
{
    /// <summary>Bytes of the longest greeting, kind included.</summary>
    public const int MaxLength = 2 + (2 * sizeof(long)) + (12 * Varint.MaxLength);

    /// <summary>The sender's incarnation: one journal, from its first record on.</summary>
    public long Incarnation;

    /// <summary>How many starts that journal has seen, this one included.</summary>
    public long LifeNumber;

    /// <summary>Token of a question, 0 for none.</summary>
    public long Ask;

    /// <summary>Token of the question that this answers, 0 for none.</summary>
    public long Answer;

    /// <summary>The life of the receiver that the sender knows, 0 for none.</summary>
    public long YourLife;

    /// <summary>
    /// The number of that life, if it is of the incarnation that the receiver said it is; 0 otherwise.
    /// </summary>
    public long YourLifeNumber;

    /// <summary>How many lives of others the sender had begun to listen to when it said so.</summary>
    public long LivesHeard;

    /// <summary>The sender's epoch, 0 while it joins.</summary>
    public long Epoch;

    /// <summary>The highest epoch that the sender has promised.</summary>
    public long Promised;

    /// <summary>Whether the sender joins after a loss; a group never begins anew with such a member.</summary>
    public bool Returns;

    /// <summary>Whether the sender knows that all have entered its epoch.</summary>
    public bool Operated;

    /// <summary>The sender no longer has anything up to here.</summary>
    public long Dropped;

    /// <summary>All members held everything up to here.</summary>
    public long AllHeld;

    /// <summary>What the receiver has claimed to the sender, in the sender's epoch: everything up to here.</summary>
    public long YourHeld;

    /// <summary>The same of Sequences; or the highest number of the receiver that the sender holds.</summary>
    public long YourSequences;

    /// <summary>The highest of the receiver's Requests that it has claimed, or that the sender holds.</summary>
    public long YourLocal;
}
