using System.Security.Cryptography;
using RotatingSequencer.Simulation;
using RotatingSequencer.Tests.Scenarios;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests;

/// <summary>What is written in the wire format is read again, and nothing that can arrive does harm.</summary>
public sealed class WireTests
{
    [Fact]
    public void Numbers_of_up_to_63_bits_are_read_as_they_were_written()
    {
        Span<byte> buffer = stackalloc byte[Varint.MaxLength];
        for (var shift = 0; shift < 63; shift++)
        {
            foreach (var value in new[] { (1L << shift) - 1, 1L << shift, long.MaxValue >> shift })
            {
                var length = Varint.Write(buffer, value);
                Assert.Equal(Varint.LengthOf(value), length);
                ReadOnlySpan<byte> written = buffer[..length];
                Assert.True(Varint.TryRead(ref written, out var read));
                Assert.Equal((value, 0), (read, written.Length));
                for (var cut = 0; cut < length; cut++)
                {
                    ReadOnlySpan<byte> part = buffer[..cut];
                    Assert.False(Varint.TryRead(ref part, out _));
                }
            }
        }
    }

    [Fact]
    public void A_number_of_more_than_63_bits_is_refused()
    {
        ReadOnlySpan<byte> longer = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];

        Assert.False(Varint.TryRead(ref longer, out _));
    }

    [Fact]
    public void Messages_are_read_as_they_were_written_and_fit_their_datagrams()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var members = random.Next(1, 64);
            var (datagrams, written, limit, claims) = WriteSome(random, members);
            var read = new List<string>();
            foreach (var datagram in datagrams)
            {
                Assert.True(datagram.Length + Seal.Length <= limit);
                var readClaims = new Claims(members);
                Assert.True(DatagramReader.TryOpen(datagram, readClaims, out var reader));
                Assert.Equal((0, 4_711), (reader.Sender, reader.Life));
                Assert.Equal((claims.Held, claims.Sequences), (readClaims.Held, readClaims.Sequences));
                Assert.Equal(claims.Locals, readClaims.Locals);
                while (reader.TryNext(out var message))
                {
                    read.Add(Describe(message));
                }

                Assert.False(reader.Malformed);
            }

            Assert.Equal(written, read);
        }
    }

    [Fact]
    public void No_truncation_and_no_flipped_bit_makes_the_reader_throw_or_allocate()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            var members = random.Next(1, 8);
            var claims = new Claims(members);
            foreach (var datagram in WriteSome(random, members).Datagrams)
            {
                // A garbage collection counts this thread's unused allocation buffer as used. What the reader itself
                // allocates would show up each time.
                Assert.Contains(Enumerable.Range(0, 10), _ => AllocatedBySpoiling(datagram, claims) == 0);
            }
        }
    }

    private static long AllocatedBySpoiling(byte[] datagram, Claims claims)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var length = 0; length < datagram.Length; length++)
        {
            ReadAll(datagram.AsSpan(0, length), claims);
        }

        for (var bit = 0; bit < 8 * datagram.Length; bit++)
        {
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
            ReadAll(datagram, claims);
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    [Fact]
    public void Noise_does_the_core_no_harm()
    {
        var script = new Script(5);
        var random = new Random(3);
        var noise = new byte[2_000];
        for (var i = 0; i < 20_000; i++)
        {
            var length = random.Next(noise.Length);
            random.NextBytes(noise.AsSpan(0, length));
            if (length > 4 && i % 2 == 0)
            {
                // A good header, so that the reader goes on.
                (noise[0], noise[1], noise[2], noise[3]) = (
                    (byte)'R',
                    (byte)'S',
                    Datagram.Version,
                    (byte)(1 + (i % 4))
                );
            }

            script[0].Receive(noise.AsSpan(0, length), script.Now);
        }

        Assert.Equal(20_000, script[0].Counters.Malformed + script[0].Counters.OtherLife);
    }

    [Fact]
    public void A_flipped_bit_under_a_good_seal_costs_the_core_no_more_than_its_window()
    {
        // As from a member with a bug: the core may report a broken rule, but nothing else may happen.
        const int MaxBytes = 4 << 20;
        var datagram = new Script(3).Datagrams(
            0,
            1,
            PuppetMessages.Request(0, 0, "payload"),
            PuppetMessages.Request(2, 1),
            PuppetMessages.Sequence(0, 0, 0),
            PuppetMessages.AsksForRequests(0, 0, 5),
            PuppetMessages.AsksForSequence(3),
            PuppetMessages.Answers(5)
        )[0];
        for (var bit = 8 * Datagram.HeaderLength; bit < 8 * datagram.Length; bit++)
        {
            var script = new Script(3);
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                script[1].Receive(datagram, script.Now);
                script.Act(1);
                script.Wait(1_000);
                script.Act(1);
            }
            catch (ProtocolViolationException) { }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MaxBytes);
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void The_seal_finds_every_truncation_every_flipped_bit_and_every_other_key()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var seal = new Seal(key);
        var sealedBytes = new byte[60 + Seal.Length];
        RandomNumberGenerator.Fill(sealedBytes);
        sealedBytes[3] = 2;
        var plain = sealedBytes[..60];
        Assert.Equal(sealedBytes.Length, seal.Close(sealedBytes, 0, 60));
        Assert.NotEqual(plain[Datagram.HeaderLength..], sealedBytes[Datagram.HeaderLength..60]);
        byte[] buffer = [.. sealedBytes];
        Assert.True(seal.TryOpen(buffer, out var opened));
        Assert.Equal(plain, opened);

        for (var bit = 0; bit < 8 * sealedBytes.Length; bit++)
        {
            buffer = [.. sealedBytes];
            buffer[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(seal.TryOpen(buffer, out _));
        }

        for (var cut = 0; cut < sealedBytes.Length; cut++)
        {
            buffer = sealedBytes[..cut];
            Assert.False(seal.TryOpen(buffer, out _));
        }

        buffer = [.. sealedBytes];
        key[7] ^= 1;
        Assert.False(new Seal(key).TryOpen(buffer, out _));
    }

    private static void ReadAll(ReadOnlySpan<byte> datagram, Claims claims)
    {
        if (!DatagramReader.TryOpen(datagram, claims, out var reader))
        {
            return;
        }

        while (reader.TryNext(out var message))
        {
            var missing = message.Missing;
            while (!missing.IsEmpty && MissingRange.TryRead(ref missing, claims.Locals.Length, out _)) { }
        }
    }

    private static (List<byte[]> Datagrams, List<string> Messages, int Limit, Claims Claims) WriteSome(
        Random random,
        int members
    )
    {
        var limit = Datagram.OverheadOf(members) + random.Next(100, 1_300);
        var claims = new Claims(members) { Sequences = random.Between(1, long.MaxValue - 1) };
        claims.Held = random.NextInt64(-1, claims.Sequences + 1);
        for (var s = 0; s < members; s++)
        {
            claims.Locals[s] = random.Between(1, long.MaxValue - 1) - 2;
        }

        var outbox = new Outbox(0, 4_711, limit, claims);
        var messages = new List<string>();
        for (var i = random.Next(1, 30); i > 0; i--)
        {
            var id = new RequestId(random.Next(members), random.Between(1, long.MaxValue - 1) - 1);
            switch (random.Next(4))
            {
                case 0:
                    var body = new byte[random.Next(limit - Datagram.OverheadOf(members) + 1)];
                    random.NextBytes(body);
                    outbox.AddRequest(Outbox.All, id, body);
                    messages.Add($"Request {id} {Convert.ToHexString(body)}");
                    break;
                case 1:
                    var part = new byte[random.Next(limit - Datagram.OverheadOf(members) + 1)];
                    random.NextBytes(part);
                    outbox.AddPart(Outbox.All, id, i, 40_000, part);
                    messages.Add($"Part {id} {i} 40000 {Convert.ToHexString(part)}");
                    break;
                case 2:
                    outbox.AddSequence(Outbox.All, i, id);
                    messages.Add($"Sequence {i} {id}");
                    break;
                default:
                    var range = new MissingRange(
                        random.Chance(0.5) ? id.Sender : MissingRange.Sequences,
                        id.Local,
                        random.Between(1, long.MaxValue - id.Local)
                    );
                    range =
                        range.Sender != MissingRange.Sequences && random.Chance(0.5)
                            ? range with
                            {
                                Parts = range.Count,
                                Count = 1,
                            }
                            : range;
                    outbox.AddRetransmit(Outbox.All, i, i / 2, [range, range]);
                    messages.Add($"Retransmit {i} {i / 2} {range} {range}");
                    break;
            }
        }

        return ([.. outbox.Close().Select(d => d.Bytes.ToArray())], messages, limit, claims);
    }

    private static string Describe(in Message message)
    {
        switch (message.Kind)
        {
            case MessageKind.Request:
                return $"Request {message.Id} {Convert.ToHexString(message.Body)}";
            case MessageKind.Part:
                return $"Part {message.Id} {message.Part} {message.Total} {Convert.ToHexString(message.Body)}";
            case MessageKind.Sequence:
                return $"Sequence {message.Number} {message.Id}";
            default:
                var text = $"Retransmit {message.Ask} {message.Answer}";
                var missing = message.Missing;
                while (MissingRange.TryRead(ref missing, 64, out var range))
                {
                    text += $" {range}";
                }

                return text;
        }
    }
}
