namespace Agora.Evaluation;

/// <summary>How many clients there are at once.</summary>
/// <param name="Sellers">Sellers.</param>
/// <param name="Buyers">Buyers.</param>
public readonly record struct Scale(int Sellers, int Buyers)
{
    /// <summary>All clients.</summary>
    public int Clients => Sellers + Buyers;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Sellers} + {Buyers}");
}

/// <summary>What is measured, and how.</summary>
public sealed record EvaluationOptions
{
    /// <summary>How many clients, one after the other.</summary>
    public IReadOnlyList<Scale> Scales { get; init; } = [new(1, 1)];

    /// <summary>Conditions by number.</summary>
    public IReadOnlyList<int> Conditions { get; init; } = [1];

    /// <summary>Runs of each condition.</summary>
    public int Runs { get; init; } = 10;

    /// <summary>Calls of each client in a run.</summary>
    public int Calls { get; init; } = 1000;

    /// <summary>Calls of each client before the first measured run, and after a process was started anew: a fresh process is slow at first.</summary>
    public int WarmUpCalls { get; init; } = 100;

    /// <summary>Calls a second of all clients together; without it each calls again as soon as it has its answer.</summary>
    public double? Rate { get; init; }

    /// <summary>What decides the calls.</summary>
    public long Seed { get; init; } = 1;
}
