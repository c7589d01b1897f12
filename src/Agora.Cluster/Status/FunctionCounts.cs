namespace Agora.Cluster;

/// <summary>What one server has answered of one function since its start.</summary>
/// <param name="Name">The function, e.g. <c>MakePurchase</c>.</param>
/// <param name="Answered">All its answers.</param>
/// <param name="Failed">Those that a client repeats elsewhere, because the server could not serve.</param>
/// <param name="Bounds">The upper bounds of the buckets, in seconds, in ascending order.</param>
/// <param name="Buckets">
/// How many answers took at most each bound and more than the one before; the last, beyond all bounds, is one more.
/// </param>
public sealed record FunctionCounts(
    string Name,
    long Answered,
    long Failed,
    IReadOnlyList<double> Bounds,
    IReadOnlyList<long> Buckets
);
