namespace RotatingSequencer.Processes;

/// <summary>How to run a campaign.</summary>
/// <param name="Seed">Decides the plan and the network's faults; it cannot decide the timing of processes.</param>
/// <param name="Length">How long faults continue.</param>
internal sealed record CampaignOptions(int Seed, TimeSpan Length)
{
    public int Members { get; init; } = 5;

    /// <summary>Submissions that each member keeps under way.</summary>
    public int Outstanding { get; init; } = 16;

    /// <summary>
    /// Whether members have journals. Without them killed members forget: the group must then stop, and the campaign
    /// fail.
    /// </summary>
    public bool Journal { get; init; } = true;

    /// <summary>How long the group may take to settle once the faults are over.</summary>
    public TimeSpan MaxSettling { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Gets a line for each thing that happens.</summary>
    public Action<string> Log { get; init; } = _ => { };
}
