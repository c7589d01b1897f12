using System.Buffers;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Simulation;

/// <summary>
/// The disk of one member's journal. What was synced stays. A crash leaves any prefix of the current write, whose last
/// bytes may be torn. A replaced journal is there entirely or not at all, since it is written under another name and
/// renamed.
/// </summary>
internal sealed class SimulatedDisk
{
    private readonly ArrayBufferWriter<byte> _synced = new();
    private byte[]? _writing;
    private bool _replaces;

    public ReadOnlySpan<byte> Content => _synced.WrittenSpan;

    /// <summary>Bytes appended since the journal was replaced; after a start, all bytes.</summary>
    public long Growth { get; private set; }

    public bool IsIdle => _writing is null;

    /// <summary>What the current write will make durable.</summary>
    public (byte[] Bytes, bool Replaces) Writing => (_writing!, _replaces);

    public void Begin(ReadOnlySpan<byte> bytes, bool replaces)
    {
        _writing = bytes.ToArray();
        _replaces = replaces;
    }

    public void Complete()
    {
        Growth = _replaces ? 0 : Growth + _writing!.Length;
        Keep(_writing!);
        _writing = null;
    }

    /// <summary>Ends the current write anywhere. True when it was cut short or torn.</summary>
    public bool Crash(Random random, Defect defect)
    {
        if (defect == Defect.LosesSynced)
        {
            var rest = _synced.WrittenSpan[..^Math.Min(_synced.WrittenCount / 4, 50)].ToArray();
            _synced.ResetWrittenCount();
            _synced.Write(rest);
        }

        if (_writing is not { } bytes)
        {
            return false;
        }

        _writing = null;
        if (_replaces)
        {
            if (random.Chance(0.5))
            {
                Keep(bytes);
            }

            return false;
        }

        var kept = bytes[..random.Next(bytes.Length + 1)];
        if (kept.Length > 0 && random.Chance(0.3))
        {
            kept[kept.Length - 1 - random.Next(Math.Min(kept.Length, 30))] ^= (byte)random.Next(1, 256);
        }

        Keep(kept);
        return true;
    }

    /// <summary>
    /// What a member finds when it starts. The torn end is cut off, and the rest is synced, before the member relies on
    /// it.
    /// </summary>
    public JournalState Open()
    {
        var state =
            JournalFormat.Read(_synced.WrittenSpan, out var length)
            ?? throw new BrokenRule("a journal begins with a checkpoint", "it does not, after a crash");
        var good = _synced.WrittenSpan[..length].ToArray();
        _synced.ResetWrittenCount();
        _synced.Write(good);
        Growth = length;
        return state;
    }

    public bool HasCheckpoint => JournalFormat.Read(_synced.WrittenSpan, out _) is not null;

    /// <summary>The content now, to be put back later.</summary>
    public byte[] Copy() => _synced.WrittenSpan.ToArray();

    /// <summary>Puts other content in the place of everything.</summary>
    public void Put(ReadOnlySpan<byte> content)
    {
        _writing = null;
        _synced.ResetWrittenCount();
        _synced.Write(content);
    }

    private void Keep(byte[] bytes)
    {
        if (_replaces)
        {
            _synced.ResetWrittenCount();
        }

        _synced.Write(bytes);
    }
}
