using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Agora.Replication.Raft;

/// <summary>
/// How replicas ask each other for a <see cref="TermReport"/>: on a connection of its own to the gRPC port, in the same
/// TLS. It begins with <see cref="Preface"/> and the mark of the asker's group, as 32 hexadecimal digits; a replica of
/// another group closes the connection. Then questions go one way and answers the other, of fixed sizes.
/// Little-endian.
/// </summary>
/// <remarks>
/// A read asks two others before it is answered, so questions outnumber all other messages between replicas. As
/// messages of a lasting gRPC call each cost about as much as a whole call of a client.
/// </remarks>
internal static class ReportWire
{
    /// <summary>Bytes of a question: the number that the answer repeats.</summary>
    public const int QuestionSize = sizeof(long);

    /// <summary>Bytes of an answer: the question's number, the term, and the commit index or −1.</summary>
    public const int AnswerSize = 3 * sizeof(long);

    /// <summary>Bytes of the beginning: <see cref="Preface"/> and the mark.</summary>
    public const int PrefaceSize = 8 + (2 * OwnerMark.Size);

    /// <summary>HTTP/2 begins with another byte.</summary>
    public static ReadOnlySpan<byte> Preface => "views/2\n"u8;

    /// <summary>What a connection of a group's replica begins with.</summary>
    public static byte[] PrefaceOf(string mark) => [.. Preface, .. Encoding.ASCII.GetBytes(mark)];

    /// <summary>Whether bytes begin as a connection of a group's replica does.</summary>
    public static bool IsPreface(ReadOnlySequence<byte> bytes, ReadOnlySpan<byte> ofGroup)
    {
        Span<byte> first = stackalloc byte[PrefaceSize];
        if (bytes.Length < first.Length)
        {
            return false;
        }

        bytes.Slice(0, first.Length).CopyTo(first);
        return first.SequenceEqual(ofGroup);
    }

    public static void WriteQuestion(Span<byte> question, long number) =>
        BinaryPrimitives.WriteInt64LittleEndian(question, number);

    public static long ReadQuestion(ReadOnlySequence<byte> question)
    {
        Span<byte> bytes = stackalloc byte[QuestionSize];
        question.CopyTo(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    public static void WriteAnswer(Span<byte> answer, long number, TermReport report)
    {
        BinaryPrimitives.WriteInt64LittleEndian(answer, number);
        BinaryPrimitives.WriteInt64LittleEndian(answer[sizeof(long)..], report.Term);
        BinaryPrimitives.WriteInt64LittleEndian(answer[(2 * sizeof(long))..], report.CommitIndex ?? -1);
    }

    public static (long Number, TermReport Report) ReadAnswer(ReadOnlySpan<byte> answer)
    {
        var commitIndex = BinaryPrimitives.ReadInt64LittleEndian(answer[(2 * sizeof(long))..]);
        return (
            BinaryPrimitives.ReadInt64LittleEndian(answer),
            new TermReport(
                BinaryPrimitives.ReadInt64LittleEndian(answer[sizeof(long)..]),
                commitIndex < 0 ? null : commitIndex
            )
        );
    }
}
