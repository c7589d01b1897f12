using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Simulation;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// A group whose clock and network the test moves by hand. A test lets the real members act, or sends messages in place
/// of some. The expected messages are texts of <see cref="DatagramText"/>.
/// </summary>
internal sealed class Script
{
    private readonly CoreOptions[] _options;
    private readonly BroadcastCore[] _cores;
    private readonly (Outbox Outbox, Claims Claims)[] _puppets;
    private readonly List<(int To, byte[] Bytes)>[] _sent;

    public Script(int members, bool journal = false, Func<CoreOptions, CoreOptions>? configure = null)
    {
        _options =
        [
            .. Enumerable
                .Range(0, members)
                .Select(self =>
                {
                    var options = new CoreOptions
                    {
                        Self = self,
                        Members = members,
                        Journal = journal,
                        Seed = 1,
                        Life = World.FormedLife(self),
                        Formed = World.FormedLives(members),
                        FirstToken = 1L << 40,
                    };
                    return configure?.Invoke(options) ?? options;
                }),
        ];
        _cores = [.. _options.Select(options => new BroadcastCore(options, Formed(options.Self, members), 0))];
        _puppets = [.. _options.Select(options => Puppet(options))];
        _sent = [.. _options.Select(_ => new List<(int, byte[])>())];
        Begin();
    }

    /// <summary>Time of a datagram and its answer.</summary>
    public const long RoundTrip = 200;

    public long Now { get; private set; }

    public BroadcastCore this[int member] => _cores[member];

    /// <summary>The journal of a member whose group has formed.</summary>
    public static JournalState Formed(int member, int members)
    {
        var state = JournalState.Fresh(member, members, World.FormedIncarnation(member));
        state.Enter(World.FormedEpoch(members));
        state.Operated = true;
        return state;
    }

    public void Wait(long microseconds) => Now += microseconds;

    public void Submit(int member, string payload) =>
        _cores[member].Submit(System.Text.Encoding.UTF8.GetBytes(payload));

    public void Submit(int member, int length) => _cores[member].Submit(new byte[length]);

    /// <summary>
    /// Sends messages to a member in place of another. Claims stay until others are sent.
    /// </summary>
    public void Send(int from, int to, params PuppetMessage[] messages)
    {
        foreach (var datagram in Datagrams(from, to, messages))
        {
            _cores[to].Receive(datagram, Now);
        }
    }

    /// <summary>The datagrams of <see cref="Send"/>, for tests that alter them.</summary>
    public List<byte[]> Datagrams(int from, int to, params PuppetMessage[] messages)
    {
        var (outbox, claims) = _puppets[from];
        outbox.AddClaims(to);
        foreach (var add in messages)
        {
            add(outbox, claims, to);
        }

        var datagrams = outbox.Close().Select(d => d.Bytes.ToArray()).ToList();
        outbox.Clear();
        return datagrams;
    }

    /// <summary>
    /// Lets a member act. Returns the messages that it sends, and to whom; those to all come first. Claims that travel
    /// alone are not among them.
    /// </summary>
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
            .. _sent[member]
                .OrderBy(d => d.To)
                .SelectMany(d =>
                    DatagramText
                        .DescribeMessages(d.Bytes, _cores.Length)
                        .Select(text => $"{(d.To == Outbox.All ? "all" : d.To)}: {text}")
                ),
        ];
    }

    /// <summary>What the datagrams of a member's last act claimed.</summary>
    public List<string> ClaimsSent(int member) =>
        [.. _sent[member].Select(d => DatagramText.DescribeClaims(d.Bytes, _cores.Length))];

    /// <summary>To whom the datagrams of a member's last act went.</summary>
    public List<int> SentTo(int member) => [.. _sent[member].Select(d => d.To)];

    /// <summary>The token of the question that a member asked in its last act.</summary>
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

    /// <summary>The datagrams of a member's last act reach another member.</summary>
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

    /// <summary>What a member has delivered since the last call.</summary>
    public List<string> Delivered(int member)
    {
        var delivered = _cores[member].Deliveries.Select(d => $"{d.Number} = {d.Id}").ToList();
        _cores[member].Deliveries.Clear();
        return delivered;
    }

    /// <summary>The application applies everything that was delivered.</summary>
    public void Apply(int member)
    {
        _cores[member].Deliveries.Clear();
        _cores[member].OnApplied(_cores[member].Delivered);
    }

    /// <summary>The disk writes and syncs all records.</summary>
    public void Sync(int member)
    {
        if (_cores[member].Records.WrittenCount > 0)
        {
            _cores[member].BeginSync();
            _cores[member].SyncCompleted();
        }
    }

    /// <summary>A member starts again with the content of a journal.</summary>
    public void Restart(int member, JournalState state) =>
        _cores[member] = new BroadcastCore(
            _options[member] with
            {
                FirstToken = _options[member].FirstToken + 1_000_000,
            },
            state,
            Now
        );

    /// <summary>
    /// Every member acts when there is something to do, and each datagram takes a while, unless it is lost. Ends when
    /// for half a second only heartbeats were sent; returns what was sent before.
    /// </summary>
    public List<Sent> RunUntilSilent(Func<Sent, int, bool>? loses = null, long delay = 50)
    {
        const int MaxRounds = 100_000;
        var underWay = new PriorityQueue<(int To, byte[] Bytes), (long At, int Order)>();
        var all = new List<Sent>();
        var news = 0;
        for (var round = 0; all.Count == 0 || Now < all[news].At + 500_000; round++)
        {
            Assert.True(round < MaxRounds, "the group does not fall silent");
            for (var m = 0; m < _cores.Length; m++)
            {
                foreach (var (to, bytes) in ActAndApply(m))
                {
                    var sent = new Sent(
                        Now,
                        m,
                        to,
                        string.Join(" | ", DatagramText.DescribeMessages(bytes, _cores.Length)),
                        DatagramText.DescribeClaims(bytes, _cores.Length)
                    );
                    news =
                        sent.Messages.Length > 0 || all.FindLast(s => s.From == m)?.Claims != sent.Claims
                            ? all.Count
                            : news;
                    all.Add(sent);
                    foreach (
                        var receiver in Enumerable
                            .Range(0, _cores.Length)
                            .Where(r => r != m && (to == r || to == Outbox.All))
                    )
                    {
                        if (!(loses?.Invoke(sent, receiver) ?? false))
                        {
                            underWay.Enqueue((receiver, bytes), (Now + delay, all.Count));
                        }
                    }
                }
            }

            Now = Math.Max(
                Now + 1,
                Math.Min(
                    _cores.Min(c => c.WakeAt),
                    underWay.TryPeek(out _, out var arrival) ? arrival.At : Now + 1_000_000
                )
            );
            while (underWay.TryPeek(out var datagram, out arrival) && arrival.At <= Now)
            {
                underWay.Dequeue();
                _cores[datagram.To].Receive(datagram.Bytes, Now);
            }
        }

        return all[..(news + 1)];
    }

    /// <summary>Acts, with an application and a disk that take no time.</summary>
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
        } while (_sent[member].Count > 0 || _cores[member].Applied > applied);

        return sent;
    }

    /// <summary>
    /// All members begin with a heartbeat and a question, so that they know each other and their round trips.
    /// </summary>
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

    private static (Outbox, Claims) Puppet(CoreOptions options)
    {
        var claims = new Claims(options.Members);
        var epoch = World.FormedEpoch(options.Members).Number;
        return (new Outbox(options.Self, options.Life, options.MaxDatagram, claims) { Epoch = epoch }, claims);
    }

    /// <summary>A datagram that was sent during a run.</summary>
    internal sealed record Sent(long At, int From, int To, string Messages, string Claims);
}
