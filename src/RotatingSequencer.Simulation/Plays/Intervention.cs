using System.Globalization;

namespace RotatingSequencer.Simulation.Plays;

/// <summary>One thing that a person does to a play. Its text is part of the play's address.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Target">The number of the message, or of the member.</param>
/// <param name="At">When it is done to a member, in microseconds of the play.</param>
public readonly record struct Intervention(InterventionKind Kind, int Target, long At = 0)
{
    /// <summary>The latest time that makes sense.</summary>
    public const long MaxTime = 60_000_000;

    private const int MaxTarget = 99_999;

    /// <summary>Whether it is done to a message, and not to a member.</summary>
    public bool IsToMessage => Kind <= InterventionKind.Delay;

    /// <summary>Reads a text such as <c>lose.17</c> or <c>kill.2.3200</c>.</summary>
    public static bool TryParse(string text, out Intervention intervention)
    {
        ArgumentNullException.ThrowIfNull(text);
        intervention = default;
        var parts = text.Split('.', 4);
        if (KindOf(parts[0]) is not { } kind || parts.Length < 2 || !TryNumber(parts[1], MaxTarget, out var target))
        {
            return false;
        }

        intervention = new(kind, (int)target);
        if (intervention.IsToMessage)
        {
            return parts.Length == 2;
        }

        if (parts.Length != 3 || !TryNumber(parts[2], MaxTime, out var at))
        {
            return false;
        }

        intervention = intervention with { At = at };
        return true;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{NameOf(Kind)}.{Target}");
        return IsToMessage ? text : string.Create(CultureInfo.InvariantCulture, $"{text}.{At}");
    }

    /// <summary>The name of a kind in an address.</summary>
    public static string NameOf(InterventionKind kind) =>
        kind switch
        {
            InterventionKind.Lose => "lose",
            InterventionKind.Double => "double",
            InterventionKind.Delay => "delay",
            InterventionKind.Pause => "pause",
            InterventionKind.Kill => "kill",
            _ => "start",
        };

    private static InterventionKind? KindOf(string name)
    {
        foreach (var kind in Enum.GetValues<InterventionKind>())
        {
            if (NameOf(kind) == name)
            {
                return kind;
            }
        }

        return null;
    }

    private static bool TryNumber(string text, long max, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= max;
}
