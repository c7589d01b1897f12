namespace RotatingSequencer.Simulation.Plays;

/// <summary>Something to play: a group, what happens to it, and what there is to learn.</summary>
public sealed class Scenario
{
    /// <summary>Its name in addresses.</summary>
    public required string Name { get; init; }

    /// <summary>Its title.</summary>
    public required string Title { get; init; }

    /// <summary>What it shows, in one sentence.</summary>
    public required string Summary { get; init; }

    /// <summary>What to remember, and what to try.</summary>
    public required string Lesson { get; init; }

    /// <summary>How things are before the first step.</summary>
    internal string Beginning { get; init; } = "";

    internal int Members { get; init; }

    /// <summary>What the clients and the faults do. The play begins when the group is silent.</summary>
    internal Action<ScenarioScript> Script { get; init; } = _ => { };

    /// <summary>The steps; none where a seed decides.</summary>
    internal IReadOnlyList<ToldStep> Told { get; init; } = [];
}
