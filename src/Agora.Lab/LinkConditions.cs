using System.Globalization;

namespace Agora.Lab;

/// <summary>
/// The faults of a link. Shares are from 0 to 1. Immutable: a change is a new value.
/// </summary>
public sealed record LinkConditions
{
    /// <summary>The longest delay, jitter or stall; for more, cut the link.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    /// <summary>A link without faults.</summary>
    public static LinkConditions Perfect { get; } = new();

    /// <summary>
    /// Share of datagrams, and of the segments of streams, that are lost. In a stream a lost segment means a delay; see
    /// <see cref="Link.NextChunk"/>.
    /// </summary>
    public double Loss { get; init; }

    /// <summary>The delay of everything, one way.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>
    /// The most that is added to the delay. Each datagram gets an amount of its own, so jitter also reorders them.
    /// </summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Share of datagrams that arrive twice.</summary>
    public double Duplication { get; init; }

    /// <summary>Share of datagrams that are held back, so that later ones overtake them.</summary>
    public double Reordering { get; init; }

    /// <summary>The longest time for which they are held back.</summary>
    public TimeSpan HoldBack { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Share of a stream's chunks at which its connection is reset.</summary>
    public double Resets { get; init; }

    /// <summary>Share of a stream's chunks at which it stalls.</summary>
    public double Stalls { get; init; }

    /// <summary>The time for which it stalls.</summary>
    public TimeSpan StallLength { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The link has no faults.</summary>
    public bool IsPerfect =>
        (Loss, Duplication, Reordering, Resets, Stalls) == (0, 0, 0, 0, 0)
        && Delay == TimeSpan.Zero
        && Jitter == TimeSpan.Zero;

    /// <summary>What is wrong with these values and how to fix it; null if nothing is.</summary>
    public string? Problem()
    {
        foreach (
            (var name, var share) in (ReadOnlySpan<(string, double)>)
                [
                    ("loss", Loss),
                    ("duplication", Duplication),
                    ("reordering", Reordering),
                    ("resets", Resets),
                    ("stalls", Stalls),
                ]
        )
        {
            if (share is not (>= 0 and <= 1))
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: {share} is no share; it goes from 0 to 1 (0% to 100%)"
                );
            }
        }

        foreach (
            (var name, var time) in (ReadOnlySpan<(string, TimeSpan)>)
                [("delay", Delay), ("jitter", Jitter), ("hold back", HoldBack), ("stall length", StallLength)]
        )
        {
            if (time < TimeSpan.Zero || time > MaxDelay)
            {
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{name}: {time.TotalMilliseconds} ms; it goes from 0 to {MaxDelay.TotalMilliseconds:0} ms; "
                        + $"for longer, cut the link"
                );
            }
        }

        return null;
    }

    /// <summary>In words, e.g. <c>5% loss, 10 ms delay + up to 2 ms jitter</c>.</summary>
    public override string ToString()
    {
        List<string> parts = [];
        Add(Loss, "loss");
        if (Delay > TimeSpan.Zero || Jitter > TimeSpan.Zero)
        {
            var delay = string.Create(CultureInfo.InvariantCulture, $"{Delay.TotalMilliseconds:0.###} ms delay");
            parts.Add(
                Jitter == TimeSpan.Zero
                    ? delay
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"{delay} + up to {Jitter.TotalMilliseconds:0.###} ms jitter"
                    )
            );
        }

        Add(Duplication, "doubled");
        Add(
            Reordering,
            string.Create(CultureInfo.InvariantCulture, $"held back by up to {HoldBack.TotalMilliseconds:0.###} ms")
        );
        Add(Resets, "of chunks reset");
        Add(
            Stalls,
            string.Create(
                CultureInfo.InvariantCulture,
                $"of chunks stalled for {StallLength.TotalMilliseconds:0.###} ms"
            )
        );
        return parts.Count == 0 ? "perfect" : string.Join(", ", parts);

        void Add(double share, string what)
        {
            if (share > 0)
            {
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"{share * 100:0.###}% {what}"));
            }
        }
    }
}
