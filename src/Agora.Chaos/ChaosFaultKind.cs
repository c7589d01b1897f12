namespace Agora.Chaos;

/// <summary>What is done to processes or to the network.</summary>
internal enum ChaosFaultKind
{
    /// <summary>kill −9; the supervisor restarts them at once.</summary>
    Kill,

    /// <summary>kill −9; they stay dead for a while.</summary>
    KillAndHold,

    /// <summary>SIGSTOP, and SIGCONT after a while: alive, with all connections open, and silent.</summary>
    Freeze,

    /// <summary>Nothing passes between them and all others.</summary>
    Cut,

    /// <summary>Nothing passes between them and some others.</summary>
    CutFrom,

    /// <summary>Nothing that they send arrives.</summary>
    BlockOutgoing,

    /// <summary>The network loses, delays, doubles, reorders, resets and stalls.</summary>
    BadNetwork,

    /// <summary>The clock of a database's replica is wrong by minutes or hours.</summary>
    Clock,

    /// <summary>kill −9 of a database's replica; it starts again without its directory.</summary>
    LostDisk,

    /// <summary>kill −9 of a database's replica; it starts again with a byte flipped in one of its files.</summary>
    FlippedByte,

    /// <summary>kill −9 of a database's replica; it starts again with what its disk held some time before.</summary>
    OlderCopy,

    /// <summary>kill −9 of a database's replica; it starts again with a copy of another replica's disk.</summary>
    OtherCopy,

    /// <summary>kill −9 of every process at once; the supervisor restarts them.</summary>
    KillEverything,
}

/// <summary>Names kinds of faults for people.</summary>
internal static class ChaosFaultKinds
{
    public static string Text(this ChaosFaultKind kind) =>
        kind switch
        {
            ChaosFaultKind.Kill => "kill",
            ChaosFaultKind.KillAndHold => "kill and hold",
            ChaosFaultKind.Freeze => "freeze",
            ChaosFaultKind.Cut => "cut",
            ChaosFaultKind.CutFrom => "cut from some",
            ChaosFaultKind.BlockOutgoing => "block outgoing",
            ChaosFaultKind.BadNetwork => "bad network",
            ChaosFaultKind.Clock => "wrong clock",
            ChaosFaultKind.LostDisk => "lost disk",
            ChaosFaultKind.FlippedByte => "flipped byte",
            ChaosFaultKind.OlderCopy => "older copy",
            ChaosFaultKind.OtherCopy => "another's copy",
            _ => "kill everything",
        };

    /// <summary>What the replica has on its disk changes while it is dead.</summary>
    public static bool IsOfDisk(this ChaosFaultKind kind) =>
        kind
            is ChaosFaultKind.LostDisk
                or ChaosFaultKind.FlippedByte
                or ChaosFaultKind.OlderCopy
                or ChaosFaultKind.OtherCopy;
}
