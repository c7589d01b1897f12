namespace RotatingSequencer.Simulation.Pictures;

/// <summary>How a picture is drawn.</summary>
public sealed record DiagramOptions
{
    /// <summary>Where a message leads; without it messages lead nowhere.</summary>
    public Func<int, string>? MessageLink { get; init; }

    /// <summary>Where a member leads.</summary>
    public Func<int, string>? MemberLink { get; init; }

    /// <summary>The message that is chosen.</summary>
    public int? Message { get; init; }

    /// <summary>The member that is chosen.</summary>
    public int? Member { get; init; }

    /// <summary>
    /// Whether the picture is a file of its own, with its style in it and with everything up to its step alike.
    /// </summary>
    public bool IsFile { get; init; }

    /// <summary>Most units of height for time; what is older is above the picture's edge. 0 for all.</summary>
    public double MaxHeight { get; init; }
}
