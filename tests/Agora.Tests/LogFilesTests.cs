using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class LogFilesTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_file_too_large_is_put_aside_and_its_writer_goes_on_at_the_new_end()
    {
        string log = _scratch["a.log"];
        using FileStream writer = new(log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        writer.Write(new byte[LogFiles.Largest + 1]);
        writer.Flush();

        LogFiles.KeepSmall(log);
        Assert.Equal(0, LogFiles.Length(log));
        Assert.Equal(LogFiles.Largest + 1, LogFiles.Length(log + ".1"));
        File.AppendAllText(log, "after\n");

        LogFiles.KeepSmall(log);
        Assert.Equal("after\n", File.ReadAllText(log));
        Assert.Equal(2, Directory.GetFiles(_scratch.Root).Length);
    }

    [Fact]
    public void The_last_complaint_since_the_start_is_found()
    {
        string log = _scratch["a.log"];
        File.WriteAllText(log, "agora: of the run before\n");
        long start = LogFiles.Length(log);
        Assert.Null(LogFiles.Complaint(log, start));

        File.AppendAllText(log, "info: x\nagora: first\nagora: second\n   at A.B()\n");

        Assert.Equal("second", LogFiles.Complaint(log, start));
        Assert.Null(LogFiles.Complaint(_scratch["none.log"], 0));
        File.WriteAllText(log, "info: x\nUnhandled exception. System.Exception: why\n   at A.B()\n");
        Assert.Equal("Unhandled exception. System.Exception: why", LogFiles.Complaint(log, 0));
    }
}
