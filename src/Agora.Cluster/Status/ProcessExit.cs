using System.Globalization;
using System.Text.Json.Serialization;

namespace Agora.Cluster;

/// <summary>
/// How a process ended last. The supervisor also keeps it in a file.
/// </summary>
/// <param name="At">When it ended, in UTC.</param>
/// <param name="Code">Its exit code; null if a signal ended it, or if it did not start.</param>
/// <param name="Signal">The signal that ended it.</param>
/// <param name="Reason">Why it ended, in its own words; null if it said nothing.</param>
public sealed record ProcessExit(DateTime At, int? Code, int? Signal, string? Reason)
{
    private const int SigTerm = 15;

    /// <summary>
    /// It ended because it was asked to. A process that is still starting may then end by the signal.
    /// </summary>
    [JsonIgnore]
    public bool IsInOrder => Code == 0 || Signal == SigTerm;

    /// <summary>From the number that a shell would show; above 128 it means a signal.</summary>
    public static ProcessExit Of(int exitCode, DateTimeOffset at, string? reason) =>
        exitCode > 128
            ? new(at.UtcDateTime, null, exitCode - 128, reason)
            : new(at.UtcDateTime, exitCode, null, reason);

    /// <summary>For people, to follow the process's name.</summary>
    public override string ToString()
    {
        var how =
            Signal is { } signal ? string.Create(CultureInfo.InvariantCulture, $"was killed by signal {signal}")
            : Code is { } code ? string.Create(CultureInfo.InvariantCulture, $"ended with exit code {code}")
            : "could not be started";
        return Reason is null ? how : $"{how}: {Reason}";
    }
}
