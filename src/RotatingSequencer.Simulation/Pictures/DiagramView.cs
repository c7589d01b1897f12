using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// Which part of the time a picture shows. The members' feet follow the present, so a picture grows with its steps.
/// </summary>
/// <param name="Top">Where the time begins.</param>
/// <param name="TimeHeight">How much height the time gets.</param>
/// <param name="Offset">How much of the time is above the edge.</param>
internal sealed record DiagramView(double Top, double TimeHeight, double Offset)
{
    /// <summary>The room of the flag below the present.</summary>
    private const double BelowPresent = 26;

    private const double FootHeight = 142;

    /// <summary>Where the members' feet begin.</summary>
    public double FootTop => Top + TimeHeight + 8;

    public double Height => FootTop + FootHeight;

    public static DiagramView Of(PlayStep step, DiagramLayout layout, DiagramOptions options)
    {
        const double AboveFirst = 22;
        const double Top = DiagramLayout.Top - AboveFirst;
        const double MinHeight = 150;
        var needed = Math.Max(MinHeight, layout.Present(step) + BelowPresent - Top);
        var height = options.MaxHeight > 0 ? Math.Min(needed, options.MaxHeight) : needed;
        return new(Top, height, needed - height);
    }

    /// <summary>Whether something between two heights can be seen.</summary>
    public bool Shows(double from, double to) => to >= Top + Offset - 30 && from <= Top + Offset + TimeHeight + 30;
}
