using System.Buffers;
using RotatingSequencer.Core;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// A group whose members start, die and lose their journals as the test says. Datagrams arrive at once, in order.
/// </summary>
internal sealed class Lives
{
    private readonly int _members;
    private readonly BroadcastCore?[] _cores;
    private readonly ArrayBufferWriter<byte>[] _journals;
    private readonly Dictionary<int, BroadcastCore> _copies = [];

    /// <summary>Members whose datagrams, in both directions, are all lost.</summary>
    private readonly HashSet<int> _isolated = [];

    /// <summary>For each member, the highest local numbers among what its application has got.</summary>
    private readonly long[][] _locals;
    private readonly List<(int To, byte[] Bytes)> _sent = [];
    private readonly long[] _life;
    private static long s_lives;
    private long _now;

    public Lives(int members)
    {
        _members = members;
        _cores = new BroadcastCore?[members];
        _life = new long[members];
        _locals = [.. Enumerable.Range(0, members).Select(_ => Nothing())];
        _journals = [.. Enumerable.Range(0, members).Select(_ => new ArrayBufferWriter<byte>())];
        Delivered = [.. Enumerable.Range(0, members).Select(_ => new List<string>())];
    }

    public BroadcastCore this[int member] => _cores[member]!;

    /// <summary>What each member's application has got since it began with an empty state.</summary>
    public List<string>[] Delivered { get; }

    /// <summary>Every datagram that was sent, with the member it went to.</summary>
    public IReadOnlyList<(int To, byte[] Bytes)> Sent => _sent;

    public byte[] JournalOf(int member) => _journals[member].WrittenSpan.ToArray();

    public void Start(params int[] members)
    {
        foreach (var m in members)
        {
            if (_journals[m].WrittenCount == 0)
            {
                JournalFormat.WriteCheckpoint(
                    _journals[m],
                    JournalState.Fresh(m, _members, Interlocked.Increment(ref s_lives))
                );
                Delivered[m].Clear();
                _locals[m] = Nothing();
            }

            _life[m] = Interlocked.Increment(ref s_lives);
            _cores[m] = NewCore(m, _life[m], _journals[m].WrittenSpan);
        }
    }

    public void Stop(int member) => _cores[member] = null;

    /// <summary>A member that is down loses its disk.</summary>
    public void Lose(int member) => _journals[member].ResetWrittenCount();

    /// <summary>A member that is down gets an older copy of its disk.</summary>
    public void PutBack(int member, byte[] journal, List<string> delivered)
    {
        _journals[member].ResetWrittenCount();
        _journals[member].Write(journal);
        Delivered[member].Clear();
        Delivered[member].AddRange(delivered);
    }

    public void Submit(int member, string payload) =>
        _cores[member]!.Submit(System.Text.Encoding.UTF8.GetBytes(payload));

    /// <summary>
    /// Lets a second process run with a copy of a member's journal; it hears and sends as the member.
    /// </summary>
    public BroadcastCore StartCopy(int member) =>
        _copies[member] = NewCore(member, Interlocked.Increment(ref s_lives), _journals[member].WrittenSpan);

    /// <summary>From now on all datagrams from a member and to it are lost.</summary>
    public void Isolate(int member) => _isolated.Add(member);

    /// <summary>The member is heard again, and hears.</summary>
    public void Rejoin(int member) => _isolated.Remove(member);

    /// <summary>The process of a member goes on, deaf and unheard; another one may take its place here.</summary>
    public Process TakeAway(int member)
    {
        Process process = new(_cores[member]!, _journals[member], [.. Delivered[member]], _locals[member]);
        _cores[member] = null;
        _journals[member] = new ArrayBufferWriter<byte>();
        _locals[member] = [.. process.Locals];
        return process;
    }

    /// <summary>A process that was taken away is the member's again, as it was.</summary>
    public void GiveBack(int member, Process process)
    {
        (_cores[member], _journals[member], _locals[member]) = (process.Core, process.Journal, process.Locals);
        Delivered[member].Clear();
        Delivered[member].AddRange(process.Delivered);
    }

    public void Receive(int member, byte[] datagram) => _cores[member]!.Receive(datagram, _now);

    /// <summary>Three seconds in which everything happens that can.</summary>
    public void Run()
    {
        for (var end = _now + 3_000_000; _now < end; _now += 10_000)
        {
            bool any;
            do
            {
                any = false;
                for (var m = 0; m < _members; m++)
                {
                    if (_cores[m] is { StateHolders.Count: > 0 })
                    {
                        CopyState(m);
                    }

                    if (_cores[m] is { } core)
                    {
                        any |= Act(m, core, _journals[m]);
                    }
                }

                foreach (var (m, copy) in _copies)
                {
                    any |= Act(m, copy, new ArrayBufferWriter<byte>());
                }
            } while (any);
        }
    }

    private long[] Nothing() => [.. Enumerable.Repeat(-1L, _members)];

    /// <summary>A member that joins gets the state of the first that has it.</summary>
    private void CopyState(int member)
    {
        var holder = _cores[member]!.StateHolders[0];
        JournalState copied = new(holder, _members)
        {
            Dropped = _cores[holder]!.Applied,
            Applied = _cores[holder]!.Applied,
            Position = _cores[holder]!.Applied,
        };
        _locals[holder].CopyTo(copied.DroppedLocals, 0);
        _locals[holder].CopyTo(_locals[member], 0);
        Delivered[member].Clear();
        Delivered[member].AddRange(Delivered[holder]);
        _journals[member].ResetWrittenCount();
        JournalFormat.WriteCheckpoint(_journals[member], _cores[member]!.WithCopy(copied));
        _cores[member] = NewCore(member, _life[member], _journals[member].WrittenSpan);
    }

    private bool Act(int member, BroadcastCore core, ArrayBufferWriter<byte> journal)
    {
        core.Act(_now);
        var datagrams = core.Outbox.Close().Select(d => (d.Destination, Bytes: d.Bytes.ToArray())).ToList();
        core.Outbox.Clear();
        while (core.Deliveries.TryDequeue(out var request))
        {
            // The tests submit one payload at a time: each has a number of its own, and a restart brings some again.
            if (_cores[member] == core && request.Number >= Delivered[member].Count)
            {
                var payloads = new List<ReadOnlyMemory<byte>>();
                _locals[member][request.Id.Sender] = request.Id.Local;
                new Assembler(_members).Take(request.Id.Sender, request.Body, payloads);
                Delivered[member].AddRange(payloads.Select(p => System.Text.Encoding.UTF8.GetString(p.Span)));
            }

            core.OnApplied(request.Number);
        }

        var writes = core.Records.WrittenCount > 0;
        if (writes)
        {
            journal.Write(core.Records.WrittenSpan);
            core.BeginSync();
            core.SyncCompleted();
        }

        foreach (var (destination, bytes) in datagrams)
        {
            for (var to = 0; to < _members; to++)
            {
                if (to != member && (destination == to || destination == Outbox.All))
                {
                    if (_isolated.Contains(member) || _isolated.Contains(to))
                    {
                        continue;
                    }

                    _sent.Add((to, bytes));
                    _cores[to]?.Receive(bytes, _now);
                    if (_copies.TryGetValue(to, out var copy))
                    {
                        copy.Receive(bytes, _now);
                    }
                }
            }
        }

        return writes || datagrams.Count > 0;
    }

    private BroadcastCore NewCore(int member, long life, ReadOnlySpan<byte> journal)
    {
        CoreOptions options = new()
        {
            Self = member,
            Members = _members,
            Journal = true,
            Life = life,
            Seed = 1,
            FirstToken = Interlocked.Increment(ref s_lives) << 32,
        };
        return new BroadcastCore(options, JournalFormat.Read(journal, out _)!, _now);
    }

    /// <summary>A process of a member, its disk, and what its application has got.</summary>
    public sealed record Process(
        BroadcastCore Core,
        ArrayBufferWriter<byte> Journal,
        List<string> Delivered,
        long[] Locals
    );
}
