using System.Globalization;
using System.Text;

namespace RotatingSequencer.Simulation;

/// <summary>
/// One group and its faults, drawn from a seed. Most faults are absent in many runs, so that each occurs alone as well
/// as with others: one fault can hide the bugs of another. Times are in microseconds, rates per second of the storm.
/// </summary>
internal sealed record Setup
{
    public required int Members { get; init; }
    public required bool Journal { get; init; }
    public required int Window { get; init; }
    public required int Pipeline { get; init; }
    public required int MaxDatagram { get; init; }

    /// <summary>About how long the body of a Request may be; what is longer than a datagram goes in parts.</summary>
    public int MaxBody { get; init; }

    /// <summary>How long submissions and faults continue; then all faults end, and the group must settle.</summary>
    public required long Storm { get; init; }

    public required long Delay { get; init; }
    public required long Jitter { get; init; }
    public required double Loss { get; init; }
    public required double Duplication { get; init; }
    public required double Corruption { get; init; }

    /// <summary>Share of datagrams of which a copy comes much later, replayed by anyone.</summary>
    public required double Replay { get; init; }

    /// <summary>Share of datagrams that take up to a hundred times the usual time.</summary>
    public required double Late { get; init; }

    /// <summary>Datagrams that can wait at a member; further ones are lost.</summary>
    public required int SocketBuffer { get; init; }

    /// <summary>Longest time until a member reads what came in.</summary>
    public required long Scheduling { get; init; }

    public required double Cuts { get; init; }
    public required double Pauses { get; init; }
    public required double Crashes { get; init; }

    /// <summary>Chance that a member dies within a step, at any point.</summary>
    public required double DeathWithinStep { get; init; }

    /// <summary>Share of crashes that are losses of power; these lose what was not synced.</summary>
    public required double PowerLoss { get; init; }

    /// <summary>Usual length of a cut, of a pause, and of the time until a restart.</summary>
    public required long Outage { get; init; }

    /// <summary>Disks that are lost, put back to an older copy, or lose the end of the journal.</summary>
    public required double DiskFaults { get; init; }

    /// <summary>Second processes that begin with a copy of a member's disk, while the first one goes on.</summary>
    public double SecondProcesses { get; init; }

    /// <summary>How many processes there may be: two of each member, where there are second ones.</summary>
    public int Processes => SecondProcesses > 0 ? 2 * Members : Members;

    /// <summary>Whether the group has formed before the run begins.</summary>
    public bool Formed { get; init; }

    public required long Sync { get; init; }
    public required long Apply { get; init; }
    public required int MaxJournalGrowth { get; init; }

    /// <summary>Share of syncs, and of batches applied, that take up to a hundred times the usual time.</summary>
    public required double Slow { get; init; }

    public required double Submissions { get; init; }

    /// <summary>Share of submissions that come in bursts.</summary>
    public required double Bursts { get; init; }

    /// <summary>The member that gets most submissions, or −1.</summary>
    public required int Flooded { get; init; }

    public required int MaxPayload { get; init; }
    public required double Barriers { get; init; }

    /// <summary>A group without random faults, for a search that chooses each step.</summary>
    public static Setup Small(int members, bool journal, int window, int maxDatagram) =>
        Draw(new Random(0)) with
        {
            Members = members,
            Journal = journal,
            Window = window,
            MaxDatagram = maxDatagram,
            MaxBody = 0,
            Delay = 0,
            SecondProcesses = 0,
            Formed = true,
        };

    /// <summary>
    /// A group in slow motion, for a script: a datagram takes about a millisecond, a disk next to nothing, and nothing
    /// goes wrong by chance.
    /// </summary>
    public static Setup Scripted(int members) =>
        Small(members, journal: true, window: 256, maxDatagram: 1_400) with
        {
            Pipeline = 4,
            MaxBody = 0,
            Storm = 0,
            Delay = 950,
            Jitter = 100,
            Loss = 0,
            Duplication = 0,
            Corruption = 0,
            Replay = 0,
            Late = 0,
            SocketBuffer = 1_000,
            Scheduling = 1,
            Cuts = 0,
            Pauses = 0,
            Crashes = 0,
            DeathWithinStep = 0,
            PowerLoss = 0,
            DiskFaults = 0,
            SecondProcesses = 0,
            Sync = 20,
            Apply = 10,
            MaxJournalGrowth = 1 << 26,
            Slow = 0,
            Submissions = 0,
            Bursts = 0,
            Flooded = -1,
            Barriers = 0,
        };

    /// <summary>The usual time from sending a datagram until it is read, in microseconds.</summary>
    public long Hop => Delay + (Jitter / 2) + (Scheduling / 2);

    public static Setup Draw(Random random)
    {
        var members = random.Chance(0.5) ? 5 : random.Next(1, 8);
        var journal = random.Chance(0.65);
        var crashes = journal && random.Chance(0.7);
        var overhead = Wire.Datagram.OverheadOf(members);
        var maxDatagram = random.Pick(
            1_400,
            1_400,
            1_400,
            576 + (18 * members),
            LeastDatagram(members) + random.Next(80),
            9_000
        );
        var delay = random.Pick(
            random.Between(10, 200),
            random.Between(10, 200),
            random.Between(500, 5_000),
            random.Between(20_000, 60_000)
        );
        var storm = random.Chance(0.1)
            ? random.Between(2_000_000, 6_000_000)
            : Math.Max(random.Between(20_000, 500_000), 40 * delay);
        var part = maxDatagram - overhead;
        var socketBuffer = random.Pick(1_000, 1_000, 100, 20);
        return new Setup
        {
            Members = members,
            Journal = journal,
            Window = random.Pick(1, 2, random.Next(3, 10), random.Next(10, 40), 256, 256),
            Pipeline = random.Pick(1, 2, 4, 4, 4, 16),
            MaxDatagram = maxDatagram,
            Storm = storm,
            Delay = delay,
            Jitter = random.Pick(0, delay / 4, delay, Math.Min(10 * delay, 20_000)),
            Loss = random.Sometimes(0.7, 0.30),
            Duplication = random.Sometimes(0.5, 0.20),
            Corruption = random.Sometimes(0.3, 0.05),
            Replay = random.Sometimes(0.3, 0.02),
            Late = random.Sometimes(0.3, 0.05),
            SocketBuffer = socketBuffer,
            Scheduling = random.Pick(1, 30, 30, 1_000, 10_000),
            Cuts = random.Chance(0.4) ? random.Between(1, 20) : 0,
            Pauses = random.Chance(0.4) ? random.Between(1, 40) : 0,
            Crashes = crashes && random.Chance(0.8) ? random.Between(1, 30) : 0,
            DeathWithinStep = crashes && random.Chance(0.5) ? random.Between(1, 40) / 10_000.0 : 0,
            PowerLoss = random.Pick(0, 0.5, 1),
            Outage = random.Between(100, 300_000),
            DiskFaults = crashes && random.Chance(0.5) ? random.Between(1, 20) : 0,
            Sync = random.Between(10, random.Pick(300, 300, 5_000, 30_000)),
            Apply = random.Between(1, random.Pick(50, 50, 2_000, 20_000)),
            MaxJournalGrowth = random.Pick(200, 2_000, 20_000, 1 << 20, 1 << 26),
            Slow = random.Sometimes(0.3, 0.05),
            Submissions = Math.Min(random.Between(10, 20_000), (delay < 10_000 ? 600_000_000 : 150_000_000) / storm),
            Bursts = random.Sometimes(0.5, 0.3),
            Flooded = random.Chance(0.3) ? random.Next(members) : -1,
            // Payloads that are cut into very many Requests only cost time.
            MaxPayload = Math.Min(random.Pick(50, 50, 2_000, 50_000), 40 * part),
            Barriers = random.Chance(0.5) ? random.Between(1, 400) : 0,
            // A socket that takes less than a Request at a time only costs time.
            MaxBody = Math.Min(random.Pick(0, 2 * part, random.Next(3, 12) * part, 16_384), socketBuffer * part / 3),
            // In a group of one there is nobody who could tell one process from the other.
            SecondProcesses = crashes && members > 1 && random.Chance(0.3) ? random.Between(1, 20) : 0,
        };
    }

    /// <summary>
    /// A small group on a bad network, whose disks lie often: what it takes to show most bugs about epochs and lives is
    /// rare where everything is drawn at random.
    /// </summary>
    public static Setup DrawLying(Random random)
    {
        var members = random.Pick(2, 3, 3, 3, 5);
        var maxDatagram = 576 + (18 * members);
        var part = maxDatagram - Wire.Datagram.OverheadOf(members);
        var delay = random.Pick(200, 1_000, 5_000, 20_000);
        return Draw(random) with
        {
            Members = members,
            Journal = true,
            Window = random.Pick(4, 256),
            MaxDatagram = maxDatagram,
            MaxBody = 4 * part,
            MaxPayload = random.Pick(50, 20 * part),
            Storm = Math.Max(300_000, 60 * delay),
            Delay = delay,
            Jitter = random.Pick(0, delay),
            Loss = random.Pick(0.05, 0.3),
            SocketBuffer = 1_000,
            Scheduling = 30,
            Crashes = random.Between(1, 20),
            DeathWithinStep = random.Sometimes(0.5, 0.003),
            Outage = random.Pick(2 * delay, 20 * delay),
            DiskFaults = random.Between(5, 40),
            SecondProcesses = random.Chance(0.5) ? random.Between(5, 40) : 0,
            Sync = random.Pick(100, delay),
            Apply = 50,
            Slow = 0,
            Submissions = random.Between(20, 1_000),
            Bursts = 0.1,
            Flooded = -1,
        };
    }

    /// <summary>Longest body of a Request.</summary>
    public int LongestBody => Wire.RequestParts.MaxBody(MaxDatagram, Members, MaxBody);

    /// <summary>The longest messages are those that make an epoch.</summary>
    private static int LeastDatagram(int members) => Wire.Datagram.OverheadOf(members) + 60 + (20 * members);

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var property in typeof(Setup).GetProperties().Where(property => property.CanWrite))
        {
            text.Append(text.Length == 0 ? "" : ", ").Append(property.Name).Append(' ');
            text.Append(CultureInfo.InvariantCulture, $"{property.GetValue(this):0.####}");
        }

        return text.ToString();
    }
}
