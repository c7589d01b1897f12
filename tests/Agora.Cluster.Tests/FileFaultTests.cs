using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>An operator learns what helps against what the system refuses.</summary>
public sealed class FileFaultTests
{
    // A memory file system refuses more than its size at once, and takes nothing up for it.
    private const string Memory = "/dev/shm";

    [Fact]
    public void A_file_whose_space_cannot_be_allocated_needs_room()
    {
        if (!Directory.Exists(Memory) || new DriveInfo(Memory).DriveFormat != "tmpfs")
        {
            return;
        }

        var file = Path.Combine(Memory, $"agora-test-{Guid.NewGuid():N}");
        var refusal = Assert.ThrowsAny<IOException>(() =>
            File.OpenHandle(
                    file,
                    FileMode.CreateNew,
                    FileAccess.Write,
                    preallocationSize: new DriveInfo(Memory).TotalSize + (1 << 20)
                )
                .Dispose()
        );

        Assert.Equal(
            $"{file}: No space left on device. Make room there, then start it again",
            FileFault.Of("/elsewhere", refusal).Message.TrimEnd('.')
        );
        Assert.StartsWith("Make room", FileFault.Fix(refusal), StringComparison.Ordinal);
    }
}
