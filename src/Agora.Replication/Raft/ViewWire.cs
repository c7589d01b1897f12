using System.Buffers;
using System.Buffers.Binary;

namespace Agora.Replication.Raft;

/// <summary>
/// How replicas ask each other for their views: on a connection of its own to the gRPC port, in the same TLS, that begins with <see cref="Preface"/>, and then
/// questions one way and answers the other, of fixed sizes. Little-endian.
/// </summary>
/// <remarks>
/// A read asks two others before it is answered, so that questions outnumber all other messages between replicas. As messages of a lasting gRPC call each cost
/// about as much as a whole call of a client.
/// </remarks>
internal static class ViewWire
{
    /// <summary>The number that the answer repeats.</summary>
    public const int QuestionSize = sizeof(long);

    /// <summary>The question's number, the term, and the position or −1.</summary>
    public const int AnswerSize = 3 * sizeof(long);

    /// <summary>HTTP/2 begins with another byte.</summary>
    public static ReadOnlySpan<byte> Preface => "views/1\n"u8;

    public static bool IsPreface(ReadOnlySequence<byte> bytes)
    {
        Span<byte> first = stackalloc byte[Preface.Length];
        if (bytes.Length < first.Length)
        {
            return false;
        }

        bytes.Slice(0, first.Length).CopyTo(first);
        return first.SequenceEqual(Preface);
    }

    public static void WriteQuestion(Span<byte> question, long number) => BinaryPrimitives.WriteInt64LittleEndian(question, number);

    public static long ReadQuestion(ReadOnlySequence<byte> question)
    {
        Span<byte> bytes = stackalloc byte[QuestionSize];
        question.CopyTo(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    public static void WriteAnswer(Span<byte> answer, long number, MemberView view)
    {
        BinaryPrimitives.WriteInt64LittleEndian(answer, number);
        BinaryPrimitives.WriteInt64LittleEndian(answer[sizeof(long)..], view.Term);
        BinaryPrimitives.WriteInt64LittleEndian(answer[(2 * sizeof(long))..], view.Position ?? -1);
    }

    public static (long Number, MemberView View) ReadAnswer(ReadOnlySpan<byte> answer)
    {
        var position = BinaryPrimitives.ReadInt64LittleEndian(answer[(2 * sizeof(long))..]);
        return (BinaryPrimitives.ReadInt64LittleEndian(answer), new MemberView(BinaryPrimitives.ReadInt64LittleEndian(answer[sizeof(long)..]), position < 0 ? null : position));
    }
}
