using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// The network between the members: it delays, reorders, doubles, loses and corrupts datagrams, cuts links, and
/// replays
/// old datagrams.
/// </summary>
internal sealed class Network
{
    /// <summary>By how many usual delays a datagram comes late that a script or a person holds up.</summary>
    public const int LateHops = 5;

    private static readonly byte[] s_key = new byte[32];
    private readonly World _world;
    private readonly Setup _setup;
    private readonly Random _random;
    private readonly Seal _seal = new(s_key);
    private readonly int[,] _cut;
    private bool _calm;
    private int _losesNext;

    public Network(World world)
    {
        _world = world;
        _setup = world.Setup;
        _random = world.Random;
        _cut = new int[_setup.Members, _setup.Members];
    }

    /// <summary>From now on nothing is lost, only delayed. Old datagrams may still be under way.</summary>
    public void Calm()
    {
        _calm = true;
        Array.Clear(_cut);
    }

    /// <summary>Loses the next datagrams, of any kind.</summary>
    public void LoseNext(int count) => _losesNext = count;

    /// <summary>Cuts one direction of a link for a while.</summary>
    public void Cut(int from, int to, long duration)
    {
        if (from == to)
        {
            return;
        }

        _cut[from, to]++;
        _world.At(_world.Now + duration, () => _cut[from, to] -= _calm ? 0 : 1);
    }

    /// <summary>Takes one datagram. The record, if there is one, keeps what becomes of it.</summary>
    public void Send(int from, int to, byte[] datagram, SentDatagram? record = null)
    {
        var statistics = _world.Statistics;
        statistics.Datagrams++;
        statistics.DatagramBytes += datagram.Length + Seal.Length;
        if (record is null)
        {
            SendByChance(from, to, datagram, null, 0);
            return;
        }

        record.Fate = _world.FateOf(record);
        if (record.Fate == DatagramFate.Lost)
        {
            statistics.Lost++;
            record.IsLost = true;
            return;
        }

        SendByChance(from, to, datagram, record, record.Fate == DatagramFate.Late ? LateHops * _setup.Hop : 0);
        if (record.Fate == DatagramFate.Doubled)
        {
            Carry(to, datagram, Delay() + _setup.Hop, record);
        }
    }

    private void SendByChance(int from, int to, byte[] datagram, SentDatagram? record, long later)
    {
        var statistics = _world.Statistics;
        if (_cut[from, to] > 0 || (_world.Defect == Defect.StaysCut && from == 0 && to == 1))
        {
            statistics.LostToCuts++;
            record?.IsLost = true;
            return;
        }

        if (_losesNext > 0)
        {
            _losesNext--;
            statistics.Lost++;
            record?.IsLost = true;
            return;
        }

        if (_calm)
        {
            Carry(to, datagram, Delay() + later, record);
            return;
        }

        if (_random.Chance(_setup.Loss))
        {
            statistics.Lost++;
            record?.IsLost = true;
            return;
        }

        if (_random.Chance(_setup.Corruption))
        {
            // Whatever arrives is no datagram any more.
            record?.IsLost = true;
            Corrupt(to, datagram);
            return;
        }

        var delay = Delay();
        if (_random.Chance(_setup.Late))
        {
            statistics.Late++;
            delay *= _random.Next(2, 100);
        }

        Carry(to, datagram, delay + later, record);
        if (_random.Chance(_setup.Duplication))
        {
            statistics.Duplicated++;
            Carry(to, datagram, Delay(), record);
        }

        if (_random.Chance(_setup.Replay))
        {
            statistics.Replayed++;
            // Also after the faults have ended, and to any member: the seal does not name the receiver.
            Carry(_random.Next(_setup.Members), datagram, _random.Between(1_000, 2 * _setup.Storm));
        }
    }

    private long Delay() => _setup.Delay + (_setup.Jitter == 0 ? 0 : _random.NextInt64(_setup.Jitter));

    private void Carry(int to, byte[] datagram, long delay, SentDatagram? record = null)
    {
        if (_world.Defect == Defect.AltersDatagrams && _random.Chance(0.01))
        {
            datagram = [.. datagram[..^1], (byte)(datagram[^1] ^ 1)];
        }

        record?.ArrivesAt(_world.Now + delay - _world.Recording!.Began);
        _world.At(_world.Now + delay, () => _world.Arrive(to, datagram, record));
    }

    /// <summary>
    /// Either the seal finds the corruption. Or the datagram has a good seal, as from a member with a bug, but ends
    /// early or is noise; then the core finds it.
    /// </summary>
    private void Corrupt(int to, byte[] datagram)
    {
        if (_random.Chance(0.5))
        {
            _world.Statistics.Malformed++;
            var corrupted = datagram[.._random.Next(datagram.Length)];
            if (_random.Chance(0.3))
            {
                _random.NextBytes(corrupted);
            }

            Carry(to, corrupted, Delay());
            return;
        }

        _world.Statistics.Corrupted++;
        var sealedBytes = new byte[datagram.Length + Seal.Length];
        datagram.CopyTo(sealedBytes, 0);
        _seal.Close(sealedBytes, 0, datagram.Length);
        sealedBytes[_random.Next(sealedBytes.Length)] ^= (byte)(1 << _random.Next(8));
        if (_seal.TryOpen(sealedBytes, out _))
        {
            throw new BrokenRule("the seal finds every change", "it let a flipped bit through");
        }
    }
}
