namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>How often each fault that <see cref="SearchBounds"/> bounds has happened.</summary>
internal record struct Faults(int Losses, int Duplicates, int Timers, int Crashes, int Reads, int LostDisks, int Delays)
{
    /// <summary>Whether everything that can still happen after the other can also happen after this.</summary>
    public readonly bool IsWithin(Faults other) =>
        Losses <= other.Losses
        && Duplicates <= other.Duplicates
        && Timers <= other.Timers
        && Crashes <= other.Crashes
        && Reads <= other.Reads
        && LostDisks <= other.LostDisks
        && Delays <= other.Delays;
}
