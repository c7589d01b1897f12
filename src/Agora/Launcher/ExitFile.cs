using System.Text.Json;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// Keeps how a process ended last in a file, so that the next supervisor, or a command without one, knows it.
/// </summary>
internal static class ExitFile
{
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
    public static void Write(string path, ProcessExit exit)
    {
        try
        {
            File.WriteAllText(path, JsonSerializer.Serialize(exit, LauncherJson.Default.ProcessExit));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
    }
}
