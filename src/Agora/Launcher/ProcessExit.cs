using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Launcher;

/// <summary>How a process ended last. Kept in a file too, so that the next supervisor, or a look without one, still knows.</summary>
/// <param name="At">When, in UTC.</param>
/// <param name="Code">Its exit code; null where a signal ended it or it did not start at all.</param>
/// <param name="Signal">The signal that ended it.</param>
/// <param name="Reason">Why, in its own words; null where it said nothing.</param>
internal sealed record ProcessExit(DateTime At, int? Code, int? Signal, string? Reason)
{
    private const int SigTerm = 15;

    /// <summary>It ended because somebody asked it to; in the middle of its start it may do so at once.</summary>
    [JsonIgnore]
    public bool IsInOrder => Code == 0 || Signal == SigTerm;

    /// <summary>Of the number that a shell would show: above 128 it is a signal's.</summary>
    public static ProcessExit Of(int exitCode, DateTimeOffset at, string? reason) =>
        exitCode > 128 ? new(at.UtcDateTime, null, exitCode - 128, reason) : new(at.UtcDateTime, exitCode, null, reason);

    /// <summary>Reads what <see cref="Write"/> kept; null where there is nothing.</summary>
    public static ProcessExit? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllText(path), LauncherJson.Default.ProcessExit) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Keeps it where that is possible; on a full disk it is told all the same.</summary>
    public void Write(string path)
    {
        try
        {
            File.WriteAllText(path, JsonSerializer.Serialize(this, LauncherJson.Default.ProcessExit));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>For people, behind the process's name.</summary>
    public override string ToString()
    {
        string how = Signal is { } signal ? string.Create(CultureInfo.InvariantCulture, $"was killed by signal {signal}")
            : Code is { } code ? string.Create(CultureInfo.InvariantCulture, $"ended with exit code {code}")
            : "could not be started";
        return Reason is null ? how : $"{how}: {Reason}";
    }
}
