namespace RotatingSequencer.Processes;

/// <summary>The faults of a campaign.</summary>
internal enum CampaignFault
{
    KillOne,
    KillSeveral,
    KillAll,
    CutLink,
    CutOff,
    CutHalves,
    NetworkConditions,
}
