using System.Globalization;
using System.Text;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>Describes datagrams for people.</summary>
internal static class DatagramText
{
    /// <summary>
    /// Claims, then messages, such as <c>holds 4, sequences 4, locals 2 1 0 | Sequence 4 = ⟨0,2⟩</c>.
    /// </summary>
    public static string Describe(ReadOnlySpan<byte> datagram, int members) =>
        string.Join(" | ", [DescribeClaims(datagram, members), .. DescribeMessages(datagram, members)]);

    public static string DescribeClaims(ReadOnlySpan<byte> datagram, int members)
    {
        var claims = new Claims(members);
        return DatagramReader.TryOpen(datagram, claims, out _)
            ? $"holds {claims.Held}, sequences {claims.Sequences}, locals {string.Join(' ', claims.Locals)}"
            : $"no datagram ({datagram.Length} B)";
    }

    public static List<string> DescribeMessages(ReadOnlySpan<byte> datagram, int members)
    {
        var parts = new List<string>();
        if (!DatagramReader.TryOpen(datagram, new Claims(members), out var reader))
        {
            return parts;
        }

        while (reader.TryNext(out var message))
        {
            parts.Add(
                message.Kind switch
                {
                    MessageKind.Request => $"Request {message.Id} {message.Body.Length} B",
                    MessageKind.Part =>
                        $"Request {message.Id} part {message.Part}, {message.Body.Length} of {message.Total} B",
                    MessageKind.Sequence => $"Sequence {message.Number} = {message.Id}",
                    MessageKind.Greeting => DescribeGreeting(message.Greeting),
                    MessageKind.Prepare => $"Prepare {EpochMessages.ReadPrepare(message.Encoded, members).Number}",
                    MessageKind.Promise => DescribePromise(EpochMessages.ReadPromise(message.Encoded, members)),
                    MessageKind.Install => DescribeInstall(EpochMessages.ReadInstall(message.Encoded, members)),
                    _ => DescribeRetransmit(message, members),
                }
            );
        }

        if (reader.Malformed)
        {
            parts.Add("malformed");
        }

        return parts;
    }

    private static string DescribePromise(Promise promise) =>
        $"Promise {promise.Number}, in {promise.Epoch}, holds {promise.Held}";

    private static string DescribeInstall(Epoch epoch) => $"Install {epoch.Number}, cut {epoch.Cut}";

    private static string DescribeGreeting(in Greeting greeting)
    {
        var text = new StringBuilder("Greeting");
        text.Append(greeting.Ask != 0 ? " asks" : "").Append(greeting.Answer != 0 ? " answers" : "");
        text.Append(CultureInfo.InvariantCulture, $", in {greeting.Epoch}, promised {greeting.Promised}");
        return text.ToString();
    }

    private static string DescribeRetransmit(in Message message, int members)
    {
        var text = new StringBuilder("Retransmit");
        text.Append(message.Ask != 0 ? " asks" : "").Append(message.Answer != 0 ? " answers" : "");
        var missing = message.Missing;
        for (var separator = ": "; MissingRange.TryRead(ref missing, members, out var range); separator = ", ")
        {
            var what = range.Sender == MissingRange.Sequences ? "Sequence " : $"Request {range.Sender}/";
            text.Append(separator).Append(what).Append(CultureInfo.InvariantCulture, $"{range.First}");
            if (range.Parts != 0)
            {
                text.Append(CultureInfo.InvariantCulture, $" ({RequestParts.CountOf(range.Parts)} parts)");
            }
            else if (range.Count > 1)
            {
                text.Append(CultureInfo.InvariantCulture, $"–{range.First + range.Count - 1}");
            }
        }

        return text.ToString();
    }
}
