using System.Globalization;

namespace Agora.Cluster;

/// <summary>A replica that joins its group fetches the state from another one.</summary>
/// <param name="Reason">Why it joins, for people.</param>
/// <param name="FetchedBytes">How much of the state has come.</param>
/// <param name="TotalBytes">How much there is; null while none is being fetched.</param>
public sealed record JoiningProgress(string Reason, long FetchedBytes, long? TotalBytes)
{
    private const double Mebibyte = 1 << 20;

    /// <summary>For people, to follow the process's name.</summary>
    public override string ToString() =>
        TotalBytes is { } total
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"joins, with {FetchedBytes / Mebibyte:0.0} of {total / Mebibyte:0.0} MiB of the state: {Reason}"
            )
            : $"joins: {Reason}";
}
