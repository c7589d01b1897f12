namespace RotatingSequencer;

/// <summary>What a member knows of itself and its group. All numbers are global numbers, −1 for none.</summary>
/// <param name="Applied">The application here has stored everything up to here.</param>
/// <param name="Stable">A majority is known to hold everything up to here.</param>
/// <param name="Received">This member holds everything up to here.</param>
/// <param name="Known">The highest number that is known to be assigned.</param>
/// <param name="IsNextSequencer">Whether this member assigns the next number.</param>
/// <param name="ReachableMembers">Members heard from during the last <see cref="Member.ReachableWithin"/>, this one
/// included.</param>
/// <param name="Phase">How far it takes part.</param>
/// <param name="CanRead">Whether <see cref="Member.ReadBarrierAsync"/> can complete as far as this member goes.</param>
/// <param name="WaitingFor">What it waits for before it can take part, in words; null when it takes part.</param>
public readonly record struct MemberStatus(
    long Applied,
    long Stable,
    long Received,
    long Known,
    bool IsNextSequencer,
    int ReachableMembers,
    MemberPhase Phase,
    bool CanRead,
    string? WaitingFor
);
