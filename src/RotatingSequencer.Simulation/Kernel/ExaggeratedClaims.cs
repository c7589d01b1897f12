using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>Datagrams whose sender claims to hold one number more than it does.</summary>
internal static class ExaggeratedClaims
{
    /// <summary>A copy of the datagram with higher claims, as long as these fit one byte each.</summary>
    public static byte[] Of(ReadOnlySpan<byte> datagram)
    {
        const int MaxOneByteValue = 0x7F;
        var exaggerated = datagram.ToArray();
        var rest = datagram[Datagram.HeaderLength..];
        // After the epoch and the count of lives.
        var held =
            Varint.TryRead(ref rest, out _) && Varint.TryRead(ref rest, out _)
                ? datagram.Length - rest.Length
                : datagram.Length;
        var sequences = held + 1;
        if (
            exaggerated.Length > sequences
            && exaggerated[held] < MaxOneByteValue
            && exaggerated[sequences] < MaxOneByteValue
        )
        {
            exaggerated[held]++;
            exaggerated[sequences]++;
        }

        return exaggerated;
    }
}
