using RotatingSequencer.Journal;
using RotatingSequencer.Protocol;
using RotatingSequencer.Simulation;
using RotatingSequencer.Wire;
using Core = RotatingSequencer.Protocol.Protocol;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>Something that a member says, put into a datagram.</summary>
internal delegate void Said(Outbox outbox, Claims claims, int to);

/// <summary>
/// A group whose clock and network the test moves by hand. A test lets the real members act, or speaks in place of some of them; what is
/// said, and what is expected, reads as in <see cref="DatagramText"/>.
/// </summary>
internal sealed class Script
{
    private readonly ProtocolOptions[] _options;
    private readonly Core[] _cores;
    private readonly (Outbox Outbox, Claims Claims)[] _puppets;
    private readonly List<(int To, byte[] Bytes)>[] _sent;

    public Script(int members, bool journal = false, Func<ProtocolOptions, ProtocolOptions>? configure = null)
    {
        _options =
        [
            .. Enumerable.Range(0, members).Select(self =>
            {
                var options = new ProtocolOptions { Self = self, Members = members, Journal = journal, Seed = 1, FirstToken = 1 };
                return configure?.Invoke(options) ?? options;
            }),
        ];
        _cores = [.. _options.Select(options => new Core(options, JournalState.Fresh(options.Self, members, Incarnation(options.Self)), 0))];
        _puppets = [.. _options.Select(options => Puppet(options, Incarnation(options.Self)))];
        _sent = [.. _options.Select(_ => new List<(int, byte[])>())];
        Begin();
    }

    /// <summary>What a datagram takes, there and back.</summary>
    public const long RoundTrip = 200;

    public long Now { get; private set; }

    public Core this[int member] => _cores[member];

    public static long Incarnation(int member) => 1_000 + member;

    public void Wait(long microseconds) => Now += microseconds;

    public void Submit(int member, string payload) => _cores[member].Submit(System.Text.Encoding.UTF8.GetBytes(payload));

    public void Submit(int member, int length) => _cores[member].Submit(new byte[length]);

    /// <summary>Someone says something to a member, in place of the real one. Its claims stay until it says others.</summary>
    public void Say(int from, int to, params Said[] words)
    {
        foreach (var datagram in Datagrams(from, to, words))
        {
            _cores[to].Receive(datagram, Now);
        }
    }

    /// <summary>The datagrams of <see cref="Say"/>, to spoil them first.</summary>
    public List<byte[]> Datagrams(int from, int to, params Said[] words)
    {
        var (outbox, claims) = _puppets[from];
        outbox.AddClaims(to);
        foreach (var word in words)
        {
            word(outbox, claims, to);
        }

        var datagrams = outbox.Close().Select(d => d.Bytes.ToArray()).ToList();
        outbox.Clear();
        return datagrams;
    }

    /// <summary>Lets a member act; returns the messages that it sends, and to whom, those to all first. Claims that travel alone are not among them.</summary>
    public List<string> Act(int member)
    {
        _sent[member].Clear();
        _cores[member].Act(Now);
        foreach (var datagram in _cores[member].Outbox.Close())
        {
            _sent[member].Add((datagram.Destination, datagram.Bytes.ToArray()));
        }

        _cores[member].Outbox.Clear();
        return
        [
            .. _sent[member].OrderBy(d => d.To).SelectMany(d => DatagramText.DescribeMessages(d.Bytes, _cores.Length).Select(text => $"{(d.To == Outbox.All ? "all" : d.To)}: {text}")),
        ];
    }

    /// <summary>What the datagrams of a member's last act claimed.</summary>
    public List<string> ClaimsSent(int member) => [.. _sent[member].Select(d => DatagramText.DescribeClaims(d.Bytes, _cores.Length))];

    /// <summary>To whom the datagrams of a member's last act went.</summary>
    public List<int> SentTo(int member) => [.. _sent[member].Select(d => d.To)];

    /// <summary>The token of the question that a member asked when it acted last.</summary>
    public long QuestionOf(int member)
    {
        foreach (var (_, bytes) in _sent[member])
        {
            Assert.True(DatagramReader.TryOpen(bytes, new Claims(_cores.Length), out var reader));
            while (reader.TryNext(out var message))
            {
                if (message.Ask != 0)
                {
                    return message.Ask;
                }
            }
        }

        throw new InvalidOperationException("It asked nothing.");
    }

    /// <summary>What a member sent when it acted last reaches another.</summary>
    public void Pass(int from, int to)
    {
        foreach (var (destination, bytes) in _sent[from])
        {
            if (destination == to || destination == Outbox.All)
            {
                _cores[to].Receive(bytes, Now);
            }
        }
    }

    /// <summary>What a member delivers since this was asked last.</summary>
    public List<string> Delivered(int member)
    {
        var delivered = _cores[member].Deliveries.Select(d => $"{d.Number} = {d.Id}").ToList();
        _cores[member].Deliveries.Clear();
        return delivered;
    }

    /// <summary>The application is done with all that was delivered.</summary>
    public void Apply(int member)
    {
        _cores[member].Deliveries.Clear();
        _cores[member].OnApplied(_cores[member].Delivered);
    }

    /// <summary>The disk writes and syncs what was recorded.</summary>
    public void Sync(int member)
    {
        if (_cores[member].Records.WrittenCount > 0)
        {
            _cores[member].BeginSync();
            _cores[member].SyncCompleted();
        }
    }

    /// <summary>A member begins anew with what a journal holds.</summary>
    public void Restart(int member, JournalState state) =>
        _cores[member] = new Core(_options[member] with { FirstToken = _options[member].FirstToken + 1_000_000 }, state, Now);

    /// <summary>
    /// Everyone acts whenever there is something to do, and each datagram takes a while unless it is lost; until for half a second nothing
    /// but heartbeats was sent. Returns what was sent before.
    /// </summary>
    public List<Sent> RunUntilSilent(Func<Sent, int, bool>? loses = null, long delay = 50)
    {
        const int LongestRun = 100_000;
        var underWay = new PriorityQueue<(int To, byte[] Bytes), (long At, int Order)>();
        var all = new List<Sent>();
        var news = 0;
        for (var round = 0; all.Count == 0 || Now < all[news].At + 500_000; round++)
        {
            Assert.True(round < LongestRun, "the group does not fall silent");
            for (var m = 0; m < _cores.Length; m++)
            {
                foreach (var (to, bytes) in ActAndApply(m))
                {
                    var sent = new Sent(
                        Now, m, to, string.Join(" | ", DatagramText.DescribeMessages(bytes, _cores.Length)), DatagramText.DescribeClaims(bytes, _cores.Length));
                    news = sent.Messages.Length > 0 || all.FindLast(s => s.From == m)?.Claims != sent.Claims ? all.Count : news;
                    all.Add(sent);
                    foreach (var receiver in Enumerable.Range(0, _cores.Length).Where(r => r != m && (to == r || to == Outbox.All)))
                    {
                        if (!(loses?.Invoke(sent, receiver) ?? false))
                        {
                            underWay.Enqueue((receiver, bytes), (Now + delay, all.Count));
                        }
                    }
                }
            }

            Now = Math.Max(Now + 1, Math.Min(_cores.Min(c => c.WakeAt), underWay.TryPeek(out _, out var arrival) ? arrival.At : Now + 1_000_000));
            while (underWay.TryPeek(out var datagram, out arrival) && arrival.At <= Now)
            {
                underWay.Dequeue();
                _cores[datagram.To].Receive(datagram.Bytes, Now);
            }
        }

        return all[..(news + 1)];
    }

    /// <summary>An application and a disk that take no time.</summary>
    private List<(int To, byte[] Bytes)> ActAndApply(int member)
    {
        var sent = new List<(int, byte[])>();
        long applied;
        do
        {
            applied = _cores[member].Applied;
            Act(member);
            sent.AddRange(_sent[member]);
            Apply(member);
            Sync(member);
        }
        while (_sent[member].Count > 0 || _cores[member].Applied > applied);

        return sent;
    }

    /// <summary>All begin with a heartbeat and a question, which makes them known to each other and the round trips measured.</summary>
    private void Begin()
    {
        for (var exchange = 0; exchange < 2; exchange++)
        {
            for (var m = 0; m < _cores.Length; m++)
            {
                Act(m);
                Sync(m);
            }

            Wait(RoundTrip / 2);
            for (var m = 0; m < _cores.Length; m++)
            {
                foreach (var to in Enumerable.Range(0, _cores.Length).Where(to => to != m))
                {
                    Pass(m, to);
                }
            }
        }
    }

    private static (Outbox, Claims) Puppet(ProtocolOptions options, long incarnation)
    {
        var claims = new Claims(options.Members);
        return (new Outbox(options.Self, incarnation, options.MaximumDatagram, claims), claims);
    }

    /// <summary>A datagram that was sent during a run.</summary>
    internal sealed record Sent(long At, int From, int To, string Messages, string Claims);
}

/// <summary>What a member may say.</summary>
internal static class Words
{
    public static Said Request(int sender, long local, string body = "x") =>
        (outbox, _, to) => outbox.AddRequest(to, new(sender, local), Body(body));

    public static Said Sequence(long number, int sender, long local) => (outbox, _, to) => outbox.AddSequence(to, number, new(sender, local));

    public static Said AsksForRequests(int sender, long first, long count) =>
        (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, [new(sender, first, count)]);

    public static Said AsksForSequence(long number) =>
        (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, [new(MissingRange.Sequences, number, 1)]);

    public static Said Asks() => (outbox, _, to) => outbox.AddRetransmit(to, ask: 7, answer: 0, []);

    public static Said Answers(long token) => (outbox, _, to) => outbox.AddRetransmit(to, ask: 0, answer: token, []);

    /// <summary>Claims everything up to a number, and Requests of each member up to another.</summary>
    public static Said Holds(long held, params long[] locals) => HoldsSequences(held, held, locals);

    public static Said HoldsSequences(long held, long sequences, params long[] locals) => (_, claims, _) =>
    {
        (claims.Held, claims.Sequences) = (held, sequences);
        locals.CopyTo(claims.Locals, 0);
    };

    /// <summary>A body with one whole payload.</summary>
    private static byte[] Body(string payload)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(payload);
        return [(byte)((bytes.Length * 4) + 2), .. bytes];
    }
}
