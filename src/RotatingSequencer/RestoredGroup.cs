using System.Buffers.Binary;
using System.Security.Cryptography;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer;

/// <summary>
/// Begins a group whose members all have the application's state at one position already, such as that of a back-up.
/// </summary>
/// <remarks>
/// Each member gets the journal that it would have if the group had formed at that position and had then stopped: the
/// members' first epoch, its cut at the position, and nothing behind it. From then on they are like any group that
/// starts again. A member without such a journal joins it as one that has lost its disk; so where too few of them have
/// one, nothing begins.
/// </remarks>
public static class RestoredGroup
{
    /// <summary>Makes the journal of one member; returns once it is on disk.</summary>
    /// <param name="directory">The journal's directory, which is empty or missing.</param>
    /// <param name="member">The member's id.</param>
    /// <param name="members">How many the group has.</param>
    /// <param name="position">The number that the application's state reflects; −1 for an empty one.</param>
    /// <param name="name">Names this group, the same at all members. Another restored group must have another name:
    /// the members' incarnations follow from it.</param>
    /// <exception cref="IOException">The directory holds something, or cannot be used.</exception>
    public static void CreateJournal(string directory, int member, int members, long position, ReadOnlySpan<byte> name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(members, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(member);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(member, members);
        ArgumentOutOfRangeException.ThrowIfLessThan(position, -1);
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
        {
            throw new IOException($"{directory} is not empty.");
        }

        Epoch epoch = new(members) { Number = Epoch.NumberAbove(0, coordinator: 0), Cut = position };
        for (var m = 0; m < members; m++)
        {
            epoch.Incarnations[m] = IncarnationOf(m, name);
        }

        JournalState state = new(member, members, epoch)
        {
            Dropped = position,
            AllHeld = position,
            Applied = position,
            Position = position,
            Incarnation = epoch.Incarnations[member],
            Promised = epoch.Number,
            Operated = true,
        };
        JournalFile.Open(directory, () => state, out _).Dispose();
    }

    // 0 means unknown, so none is 0.
    private static long IncarnationOf(int member, ReadOnlySpan<byte> name)
    {
        Span<byte> input = stackalloc byte[SHA256.HashSizeInBytes + sizeof(int)];
        SHA256.HashData(name, input);
        BinaryPrimitives.WriteInt32LittleEndian(input[SHA256.HashSizeInBytes..], member);
        return BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(input)) | 1;
    }
}
