using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class LogFilesTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_file_that_is_too_large_is_moved_and_its_writer_continues_at_the_new_end()
    {
        var log = _scratch["a.log"];
        using FileStream writer = new(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        writer.Write(new byte[LogFiles.MaxBytes + 1]);
        writer.Flush();

        LogFiles.KeepSmall(log);
        Assert.Equal(0, LogFiles.Length(log));
        Assert.Equal(LogFiles.MaxBytes + 1, LogFiles.Length(log + ".1"));
        File.AppendAllText(log, "after\n");

        LogFiles.KeepSmall(log);
        Assert.Equal("after\n", File.ReadAllText(log));
        Assert.Equal(2, Directory.GetFiles(_scratch.Root).Length);
    }

    [Fact]
    public void The_last_error_since_the_start_is_found()
    {
        var log = _scratch["a.log"];
        File.WriteAllText(log, "agora: of the run before\n");
        var start = LogFiles.Length(log);
        Assert.Null(LogFiles.LastError(log, start));

        File.AppendAllText(log, "info: x\nagora: first\nagora: second\n   at A.B()\n");

        Assert.Equal("second", LogFiles.LastError(log, start));
        Assert.Null(LogFiles.LastError(_scratch["none.log"], 0));
        File.WriteAllText(log, "info: x\nUnhandled exception. System.Exception: why\n   at A.B()\n");
        Assert.Equal("Unhandled exception. System.Exception: why", LogFiles.LastError(log, 0));
    }
}
