using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using RotatingSequencer.Journal;

namespace Agora.Replication.Raft;

/// <summary>
/// What a replica has promised beside its log: the term that it has reached and its vote in it. A replica without this
/// file has either never promised anything, or has lost what it promised.
/// </summary>
/// <remarks>
/// <para>The file has two slots. A promise is written to the first and synced, then to the second and synced; only then
/// may a peer learn of it. So each slot holds every promise that a peer knows of, and what a single damage leaves whole
/// is enough: the other slot is made from it.</para>
/// <para>A crash leaves both slots equal, or the first one torn, or the first one newer by one promise, or the second
/// one torn. In each case the newer good slot holds what was promised. Anything else is no crash: two good slots whose
/// numbers are further apart, or of which the second is newer, show that a write was lost.</para>
/// <para>Every open writes both slots again (<see cref="LogDisk"/> says why), the one that is not the source
/// first.</para>
/// </remarks>
internal sealed class Ballot : IDisposable
{
    /// <summary>
    /// Bytes from one slot to the other: they share no sector of a disk, however large those are today.
    /// </summary>
    internal const int SlotSize = 4096;

    internal const int UsedBytes = 112;
    private const int OwnerOffset = 40;
    private const int VoteOffset = 64;

    // Behind the checksum: "bal" and the version of the form.
    private const uint Form = 0x02_6C_61_62;

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly LogDisk _disk;
    private readonly OwnerMark _owner;
    private long _number;

    private Ballot(string path, SafeFileHandle file, RaftLogOptions options) =>
        (_path, _file, _owner, _disk) = (path, file, options.Owner, options.Disk);

    public BallotState State { get; private set; } = new();

    public static string PathIn(string directory) => Path.Combine(directory, "ballot");

    /// <summary>Opens the file; null where there is none.</summary>
    /// <exception cref="ReplicaDamagedException">It is of another replica, neither slot is good, or the slots do not
    /// belong together.</exception>
    public static Ballot? Open(string directory, RaftLogOptions options)
    {
        var path = PathIn(directory);
        if (!File.Exists(path))
        {
            return null;
        }

        var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        Ballot ballot = new(path, file, options);
        try
        {
            ballot.Load();
            return ballot;
        }
        catch
        {
            ballot.Dispose();
            throw;
        }
    }

    /// <summary>Makes the file. After a crash it is complete on disk, or not there at all.</summary>
    public static Ballot Create(string directory, BallotState state, RaftLogOptions options)
    {
        var path = PathIn(directory);
        var begun = path + ".begun";
        File.Delete(begun);
        var file = File.OpenHandle(begun, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read);
        Ballot ballot = new(path, file, options);
        try
        {
            RandomAccess.SetLength(ballot._file, 2 * SlotSize);
            ballot.Write(state);
            File.Move(begun, path, overwrite: true);
            options.Disk.SyncDirectory(directory);
            return ballot;
        }
        catch
        {
            ballot.Dispose();
            throw;
        }
    }

    /// <summary>Returns when the new state is on disk, twice; only then may a peer learn of it.</summary>
    public void Write(BallotState state)
    {
        var slot = Encode(_number + 1, state);
        WriteSlot(0, slot);
        WriteSlot(1, slot);
        (_number, State) = (_number + 1, state);
    }

    public void Dispose() => _file.Dispose();

    private void Load()
    {
        var (first, second) = (ReadSlot(0), ReadSlot(1));
        if (first is null && second is null)
        {
            throw new ReplicaDamagedException(_path, "is damaged: this replica no longer knows what it promised");
        }

        if (first is { } a && second is { } b && a.Number != b.Number + 1 && a != b)
        {
            throw new ReplicaDamagedException(
                _path,
                $"holds promises {a.Number} and {b.Number}, which no crash leaves: "
                    + "this replica no longer knows what it promised"
            );
        }

        // Where both are good, the first is the newer, or the same.
        var source = first is null ? 1 : 0;
        var (number, state) = first ?? second!.Value;
        var slot = Encode(number, state);
        WriteSlot(1 - source, slot);
        WriteSlot(source, slot);
        (_number, State) = (number, state);
    }

    private byte[] Encode(long number, BallotState state)
    {
        var slot = new byte[UsedBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(slot.AsSpan(4), Form);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(8), number);
        BinaryPrimitives.WriteInt64LittleEndian(slot.AsSpan(16), state.Term);
        slot[32] = state.NeedsState ? (byte)1 : (byte)0;
        _owner.Write(slot.AsSpan(OwnerOffset));
        if (state.Vote is { } vote)
        {
            slot[33] = 1;
            vote.Write(slot.AsSpan(VoteOffset));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(slot, Crc32C.Compute(slot.AsSpan(4)));
        return slot;
    }

    private void WriteSlot(int number, byte[] slot)
    {
        _disk.Write(_file, _path, slot, number * SlotSize);
        _disk.Sync(_file, _path);
    }

    // Null for one that is torn or damaged.
    private (long Number, BallotState State)? ReadSlot(int number)
    {
        Span<byte> slot = stackalloc byte[UsedBytes];
        if (
            RandomAccess.Read(_file, slot, number * SlotSize) < UsedBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(slot) != Crc32C.Compute(slot[4..])
            || BinaryPrimitives.ReadUInt32LittleEndian(slot[4..]) != Form
        )
        {
            return null;
        }

        if (OwnerMark.Read(slot[OwnerOffset..]) != _owner)
        {
            throw new ReplicaDamagedException(_path, "is the ballot of another replica");
        }

        return (
            BinaryPrimitives.ReadInt64LittleEndian(slot[8..]),
            new BallotState
            {
                Term = BinaryPrimitives.ReadInt64LittleEndian(slot[16..]),
                NeedsState = slot[32] != 0,
                Vote = slot[33] == 0 ? null : MemberId.Read(slot[VoteOffset..]),
            }
        );
    }
}
