using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;

namespace Agora.Replication.Raft;

/// <summary>
/// What a replica has promised beside its log: the term that it has reached and its vote in it. A replica without this
/// file has either never promised anything, or has lost what it promised.
/// </summary>
/// <remarks>
/// The file has two slots, written in turn. Each has a number and a checksum; the newer good one counts. So a crash
/// leaves the old promise or the new one.
/// </remarks>
internal sealed class Ballot : IDisposable
{
    // A sector each.
    private const int SlotSize = 512;
    private const int UsedBytes = 96;
    private const int VoteOffset = 48;

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly LogDisk _disk;
    private long _number;

    private Ballot(string path, SafeFileHandle file, LogDisk disk) => (_path, _file, _disk) = (path, file, disk);

    public BallotState State { get; private set; } = new();

    public static string PathIn(string directory) => Path.Combine(directory, "ballot");

    /// <summary>Opens the file; null where there is none.</summary>
    /// <exception cref="LogDamagedException">Neither slot is good.</exception>
    public static Ballot? Open(string directory, LogDisk disk)
    {
        var path = PathIn(directory);
        if (!File.Exists(path))
        {
            return null;
        }

        Ballot ballot = new(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read), disk);
        if (!ballot.TryRead())
        {
            ballot.Dispose();
            throw new LogDamagedException(path, "is damaged: this replica no longer knows what it promised");
        }

        return ballot;
    }

    /// <summary>Makes the file. After a crash it is complete on disk, or not there at all.</summary>
    public static Ballot Create(string directory, BallotState state, LogDisk disk)
    {
        var path = PathIn(directory);
        var begun = path + ".begun";
        File.Delete(begun);
        Ballot ballot = new(
            path,
            File.OpenHandle(begun, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read),
            disk
        );
        try
        {
            RandomAccess.SetLength(ballot._file, 2 * SlotSize);
            ballot.Write(state);
            File.Move(begun, path, overwrite: true);
            disk.SyncDirectory(directory);
            return ballot;
        }
        catch
        {
            ballot.Dispose();
            throw;
        }
    }

    /// <summary>Returns when the new state is on disk; only then may a peer learn of it.</summary>
    public void Write(BallotState state)
    {
        Span<byte> slot = stackalloc byte[UsedBytes];
        slot.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(slot[8..], _number + 1);
        BinaryPrimitives.WriteInt64LittleEndian(slot[16..], state.Term);
        slot[32] = state.NeedsState ? (byte)1 : (byte)0;
        if (state.Vote is { } vote)
        {
            slot[33] = 1;
            vote.Write(slot[VoteOffset..]);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(slot, Crc32C.Compute(slot[8..]));
        RandomAccess.Write(_file, slot, (_number + 1) % 2 * SlotSize);
        _disk.Sync(_file, _path);
        _number++;
        State = state;
    }

    public void Dispose() => _file.Dispose();

    private bool TryRead()
    {
        Span<byte> slot = stackalloc byte[UsedBytes];
        for (var number = 0; number < 2; number++)
        {
            if (
                RandomAccess.Read(_file, slot, number * SlotSize) < UsedBytes
                || BinaryPrimitives.ReadUInt32LittleEndian(slot) != Crc32C.Compute(slot[8..])
                || BinaryPrimitives.ReadInt64LittleEndian(slot[8..]) <= _number
            )
            {
                continue;
            }

            _number = BinaryPrimitives.ReadInt64LittleEndian(slot[8..]);
            State = new BallotState
            {
                Term = BinaryPrimitives.ReadInt64LittleEndian(slot[16..]),
                NeedsState = slot[32] != 0,
                Vote = slot[33] == 0 ? null : MemberId.Read(slot[VoteOffset..]),
            };
        }

        return _number > 0;
    }
}
