using System.Buffers.Binary;

namespace RotatingSequencer.Wire;

/// <summary>Reads the messages that make an epoch.</summary>
internal static class EpochMessages
{
    /// <summary>Checks one message and goes on behind it, without memory.</summary>
    public static bool TrySkip(ref ReadOnlySpan<byte> rest, MessageKind kind, int members)
    {
        var (numbers, incarnations, locals) = kind switch
        {
            MessageKind.Prepare => (1, members, 0),
            MessageKind.Promise => (5, 0, 2 * members),
            _ => (2, members, members),
        };
        if (!TrySkipNumbers(ref rest, numbers) || rest.Length < sizeof(long) * incarnations)
        {
            return false;
        }

        rest = rest[(sizeof(long) * incarnations)..];
        return TrySkipNumbers(ref rest, locals);
    }

    /// <summary>An epoch without a cut.</summary>
    public static Epoch ReadPrepare(ReadOnlySpan<byte> message, int members)
    {
        Epoch epoch = new(members) { Number = ReadNumber(ref message) };
        ReadIncarnations(ref message, epoch.Incarnations);
        return epoch;
    }

    public static Promise ReadPromise(ReadOnlySpan<byte> message, int members)
    {
        Promise promise = new(members)
        {
            Number = ReadNumber(ref message),
            Epoch = ReadNumber(ref message),
            Returns = ReadNumber(ref message) != 0,
            Held = ReadNumber(ref message) - 1,
            Cut = ReadNumber(ref message) - 1,
        };
        ReadLocals(ref message, promise.Locals);
        ReadLocals(ref message, promise.CutLocals);
        return promise;
    }

    public static Epoch ReadInstall(ReadOnlySpan<byte> message, int members)
    {
        Epoch epoch = new(members) { Number = ReadNumber(ref message), Cut = ReadNumber(ref message) - 1 };
        ReadIncarnations(ref message, epoch.Incarnations);
        ReadLocals(ref message, epoch.Locals);
        return epoch;
    }

    private static bool TrySkipNumbers(ref ReadOnlySpan<byte> rest, int count)
    {
        for (; count > 0; count--)
        {
            if (!Varint.TryRead(ref rest, out _))
            {
                return false;
            }
        }

        return true;
    }

    private static long ReadNumber(ref ReadOnlySpan<byte> rest)
    {
        Varint.TryRead(ref rest, out var number);
        return number;
    }

    private static void ReadIncarnations(ref ReadOnlySpan<byte> rest, long[] incarnations)
    {
        foreach (ref var incarnation in incarnations.AsSpan())
        {
            incarnation = BinaryPrimitives.ReadInt64LittleEndian(rest);
            rest = rest[sizeof(long)..];
        }
    }

    private static void ReadLocals(ref ReadOnlySpan<byte> rest, long[] locals)
    {
        foreach (ref var local in locals.AsSpan())
        {
            local = ReadNumber(ref rest) - 1;
        }
    }
}
