namespace RotatingSequencer.Core;

/// <summary>What this member knows of the present life of another.</summary>
internal struct PeerLife
{
    /// <summary>The life whose datagrams are taken, 0 for none: the last one that answered a question.</summary>
    public long Id;

    /// <summary>The incarnation that it is a life of.</summary>
    public long Incarnation;

    /// <summary>Which life of that incarnation it is.</summary>
    public long LifeNumber;

    /// <summary>Token of the question whose answer introduced it.</summary>
    public long Token;

    /// <summary>The epoch that it was in when it last said so, 0 while it joins.</summary>
    public long Epoch;

    /// <summary>The highest epoch that it had promised then.</summary>
    public long Promised;

    /// <summary>It held everything up to here, in its epoch, when it last greeted.</summary>
    public long Held;

    /// <summary>Whether it joins after a loss.</summary>
    public bool Returns;

    /// <summary>Whether it knows that all have entered its epoch.</summary>
    public bool Operated;

    /// <summary>The highest of this member's Requests that it has heard of, and of this member's numbers.</summary>
    public long MyLocal;
    public long MyNumber;

    /// <summary>
    /// Whether the disk knows that it is listened to. Only then is it told so: it may speak once all have told it, and
    /// none of them listens to a life before it any more, whatever restarts.
    /// </summary>
    public bool IsOnDisk;

    /// <summary>Whether a write that says so is under way.</summary>
    public bool IsSyncing;

    /// <summary>The token of its question that is answered then, 0 for none.</summary>
    public long AnswerDue;

    /// <summary>
    /// How many lives it had begun to listen to when it last said that this member's life is the one that it heard last
    /// of this member, −1 for never. With another count, that may not be so any more.
    /// </summary>
    public long HearsMeAt;

    /// <summary>How many lives this member had begun to listen to when it last greeted it, −1 for never.</summary>
    public long ToldAt;

    /// <summary>When it may be asked again in answer to a question.</summary>
    public long AskAt;

    /// <summary>It no longer has anything up to here.</summary>
    public long Dropped;

    /// <summary>
    /// Whether it has answered since it knows this member's life. It then takes nothing from earlier lives any more.
    /// </summary>
    public bool Met;

    /// <summary>
    /// Whether it has answered so in this member's epoch, and knows nothing of this member that this member does not.
    /// </summary>
    public bool Agrees;

    /// <summary>When to greet it, or to repeat a proposal to it.</summary>
    public long Due;

    /// <summary>How often that was repeated.</summary>
    public int Attempts;
}
