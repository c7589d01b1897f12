using System.Diagnostics;
using Google.Protobuf;

namespace Agora.Replication.Telemetry;

/// <summary>
/// The trace that a sampled command belongs to, as the field <c>trace</c> of its protobuf message: 25 bytes, namely the
/// trace's id (16), the span's id (8) and the flags (1). The message of each database declares the field.
/// </summary>
internal static class TraceField
{
    /// <summary>The number of the field in the message of every database.</summary>
    public const int Number = 16;

    /// <summary>Bytes that it adds to a command.</summary>
    public const int Size = TagSize + 1 + Length;

    private const int TagSize = 2;
    private const int Length = TraceIdLength + SpanIdLength + 1;
    private const int TraceIdLength = 16;
    private const int SpanIdLength = 8;

    private static readonly uint s_tag = WireFormat.MakeTag(Number, WireFormat.WireType.LengthDelimited);

    /// <summary>The message with the field behind it. Fields of a message may stand in any order.</summary>
    public static byte[] Append(ReadOnlySpan<byte> message, ActivityContext context)
    {
        var result = new byte[message.Length + Size];
        message.CopyTo(result);
        var field = result.AsSpan(message.Length);
        (field[0], field[1], field[2]) = ((byte)(s_tag & 0x7F | 0x80), (byte)(s_tag >> 7), Length);
        field = field[(TagSize + 1)..];
        context.TraceId.CopyTo(field[..TraceIdLength]);
        context.SpanId.CopyTo(field.Slice(TraceIdLength, SpanIdLength));
        field[^1] = (byte)context.TraceFlags;
        return result;
    }

    /// <summary>The trace that a message names last; null if it names none.</summary>
    /// <remarks>
    /// Only the outermost fields are looked at, so that no text of a user's is taken for it. What is no message names
    /// none: whether it can be applied is for the state machine to say.
    /// </remarks>
    public static ActivityContext? Read(ReadOnlySpan<byte> message)
    {
        // It is the last one where we put it there, and most commands have none.
        if (message.Length < Size || message[^(Length + 1)] != Length)
        {
            return null;
        }

        CodedInputStream input = new(message.ToArray());
        try
        {
            ActivityContext? found = null;
            while (input.ReadTag() is > 0 and var tag)
            {
                if (tag != s_tag)
                {
                    input.SkipLastField();
                }
                else if (input.ReadBytes() is { Length: Length } bytes)
                {
                    found = Of(bytes.Span);
                }
            }

            return found;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
        finally
        {
            input.Dispose();
        }
    }

    private static ActivityContext Of(ReadOnlySpan<byte> bytes) =>
        new(
            ActivityTraceId.CreateFromBytes(bytes[..TraceIdLength]),
            ActivitySpanId.CreateFromBytes(bytes.Slice(TraceIdLength, SpanIdLength)),
            (ActivityTraceFlags)bytes[^1],
            isRemote: true
        );
}
