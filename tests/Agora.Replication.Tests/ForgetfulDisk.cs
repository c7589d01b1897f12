using Agora.Replication.Raft;
using Microsoft.Win32.SafeHandles;

namespace Agora.Replication.Tests;

/// <summary>
/// A disk behind a cache, as the kernel keeps one: reads show what was written, a sync writes what was written since
/// the last one, and a sync that fails forgets it. What the next sync then reports is no longer true.
/// </summary>
internal sealed class ForgetfulDisk : LogDisk
{
    private readonly Dictionary<string, byte[]> _disk = [];
    private readonly List<(string Path, long Offset, byte[] Bytes)> _dirty = [];

    /// <summary>How many syncs succeed before one fails; negative while all succeed.</summary>
    public int SyncsBeforeFailure { get; set; } = -1;

    public int Syncs { get; private set; }

    public override void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        base.Write(file, path, bytes, offset);
        _dirty.Add((path, offset, bytes.ToArray()));
    }

    public override void Sync(SafeFileHandle file, string path)
    {
        Syncs++;
        var fails = SyncsBeforeFailure == 0;
        SyncsBeforeFailure--;
        var content = _disk.GetValueOrDefault(path, []);
        Array.Resize(ref content, (int)RandomAccess.GetLength(file));
        foreach (var (_, offset, bytes) in fails ? [] : _dirty.Where(d => d.Path == path))
        {
            // What is behind the end was cut off since.
            bytes
                .AsSpan(0, (int)Math.Clamp(content.Length - offset, 0, bytes.Length))
                .CopyTo(content.AsSpan((int)offset));
        }

        _dirty.RemoveAll(d => d.Path == path);
        if (fails)
        {
            throw new IOException("Input/output error");
        }

        _disk[path] = content;
    }

    public override void SyncDirectory(string directory)
    {
        // Names are on disk at once here.
    }

    /// <summary>What is only in the cache is gone.</summary>
    public void LosePower()
    {
        _dirty.Clear();
        foreach (var (path, content) in _disk)
        {
            if (File.Exists(path))
            {
                File.WriteAllBytes(path, content);
            }
        }
    }
}
