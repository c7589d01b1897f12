using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Launcher;

/// <summary>
/// How a process ended last. It is also kept in a file, so that the next supervisor, or a command without one, knows
/// it.
/// </summary>
/// <param name="At">When it ended, in UTC.</param>
/// <param name="Code">Its exit code; null if a signal ended it, or if it did not start.</param>
/// <param name="Signal">The signal that ended it.</param>
/// <param name="Reason">Why it ended, in its own words; null if it said nothing.</param>
internal sealed record ProcessExit(DateTime At, int? Code, int? Signal, string? Reason)
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

    /// <summary>Reads what <see cref="Write"/> wrote; null if there is nothing.</summary>
    public static ProcessExit? Read(string path)
    {
        try
        {
            return File.Exists(path)
                ? JsonSerializer.Deserialize(File.ReadAllText(path), LauncherJson.Default.ProcessExit)
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes it to a file if possible. On a full disk it is lost, which does no harm.</summary>
    public void Write(string path)
    {
        try
        {
            File.WriteAllText(path, JsonSerializer.Serialize(this, LauncherJson.Default.ProcessExit));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }

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
