using System.Globalization;

namespace Agora.Launcher;

/// <summary>
/// The clock of a database's replica in the lab: the system's, and as far ahead as a file says. Without the file it is
/// right. Timers and the time that never jumps are right in any case, as on a host whose clock was set wrong.
/// </summary>
internal sealed class LabClock : TimeProvider, IDisposable
{
    /// <summary>The environment variable with the file's path; the supervisor of a lab sets it.</summary>
    public const string Variable = "AGORA_LAB_CLOCK";

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(200);

    private readonly string _path;
    private readonly ITimer _timer;
    private long _ahead; // Ticks.

    public LabClock(string path)
    {
        _path = path;
        Look();
        _timer = System.CreateTimer(_ => Look(), null, s_look, s_look);
    }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddTicks(Volatile.Read(ref _ahead));

    public void Dispose() => _timer.Dispose();

    /// <summary>Sets the clock whose file this is; a replica notices it within a moment.</summary>
    public static void Set(string path, TimeSpan ahead)
    {
        if (ahead == TimeSpan.Zero)
        {
            File.Delete(path);
            return;
        }

        var whole = path + ".new";
        File.WriteAllText(whole, ahead.Ticks.ToString(CultureInfo.InvariantCulture));
        File.Move(whole, path, overwrite: true);
    }

    private void Look()
    {
        try
        {
            Volatile.Write(ref _ahead, long.Parse(File.ReadAllText(_path), CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            Volatile.Write(ref _ahead, 0);
        }
    }
}
