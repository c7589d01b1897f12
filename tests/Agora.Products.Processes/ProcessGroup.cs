using System.Diagnostics;
using System.Globalization;

namespace Agora.Products.Processes;

/// <summary>Processes that a test starts and kills, with a directory that is deleted with them.</summary>
internal sealed class ProcessGroup : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("products-processes-");
    private readonly Dictionary<string, Process> _running = [];

    public string Location => _directory.FullName;

    public IEnumerable<int> Ids => _running.Values.Select(p => p.Id);

    /// <summary>CPU time of all of them, in milliseconds.</summary>
    public double Cpu => _running.Keys.Sum(CpuOf);

    public void Start(string name, string program, params string[] arguments)
    {
        // The shell becomes the program, so its process id is the program's.
        ProcessStartInfo start = new("/bin/sh", ["-c", "exec \"$0\" \"$@\" >>\"$LOG\" 2>&1", program, .. arguments]);
        start.Environment["LOG"] = Path.Combine(_directory.FullName, name + ".log");
        _running[name] = Process.Start(start)!;
    }

    /// <summary>CPU time of one, in milliseconds.</summary>
    public double CpuOf(string name)
    {
        var process = _running[name];
        process.Refresh();
        return process.TotalProcessorTime.TotalMilliseconds;
    }

    public bool Runs(string name) => _running.TryGetValue(name, out var process) && !process.HasExited;

    public void Kill(string name)
    {
        var process = _running[name];
        process.Kill();
        process.WaitForExit();
    }

    public void Signal(string name, string signal)
    {
        using var kill = Process.Start("/bin/kill", [signal, _running[name].Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Resident memory in MiB, open files and mappings of a process.</summary>
    public (long Memory, int Descriptors, int Mappings) Resources(string name)
    {
        var id = _running[name].Id;
        return (
            long.Parse(File.ReadAllText($"/proc/{id}/statm").Split(' ')[1], CultureInfo.InvariantCulture)
                * Environment.SystemPageSize
                >> 20,
            System.IO.Directory.GetFiles($"/proc/{id}/fd").Length,
            File.ReadLines($"/proc/{id}/maps").Count()
        );
    }

    public string LastLines(string name) =>
        string.Join('\n', File.ReadLines(Path.Combine(_directory.FullName, name + ".log")).TakeLast(60));

    /// <summary>Kills all that still run.</summary>
    public void Stop()
    {
        foreach (var process in _running.Values.Where(p => !p.HasExited))
        {
            process.Kill();
            process.WaitForExit();
        }
    }

    public void Dispose()
    {
        Stop();
        foreach (var process in _running.Values)
        {
            process.Dispose();
        }

        _directory.Delete(recursive: true);
    }
}
