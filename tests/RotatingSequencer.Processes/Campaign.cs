using System.Diagnostics;
using System.Globalization;
using System.Net;
using Agora.Lab;
using Agora.Testing;

namespace RotatingSequencer.Processes;

/// <summary>How a campaign is run.</summary>
/// <param name="Seed">Decides the plan and what the network does; processes and their timing it cannot decide.</param>
/// <param name="Length">For how long faults go on.</param>
internal sealed record CampaignOptions(int Seed, TimeSpan Length)
{
    public int Members { get; init; } = 5;

    /// <summary>Submissions that each member keeps under way.</summary>
    public int Outstanding { get; init; } = 16;

    /// <summary>Without one, members forget when they are killed: the group must then stand still, and the campaign fail.</summary>
    public bool Journal { get; init; } = true;

    /// <summary>How long the group may take to come to rest once the faults are over.</summary>
    public TimeSpan SettleBound { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Told what happens, a line each.</summary>
    public Action<string> Say { get; init; } = _ => { };
}

/// <summary>What a campaign came to.</summary>
/// <param name="Problem">The rule that was broken; null when none was.</param>
/// <param name="Delivered">Payloads in the common history.</param>
/// <param name="Acknowledged">Those whose member was told.</param>
/// <param name="Faults">How often each was done.</param>
/// <param name="Kills">Processes killed.</param>
/// <param name="Network">What all links together did.</param>
internal sealed record CampaignResult(
    string? Problem, int Delivered, int Acknowledged, IReadOnlyDictionary<FaultKind, int> Faults, int Kills, LinkCounts Network)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Delivered:N0} payloads delivered, {Acknowledged:N0} acknowledged; {Kills} kills ({string.Join(", ", Faults.Select(f => $"{f.Key} {f.Value}"))}); datagrams: {Network.Passed:N0} passed, {Network.Lost:N0} lost, {Network.Doubled:N0} doubled, {Network.HeldBack:N0} held back, {Network.CutOff:N0} cut off");
}

/// <summary>What is done to the group.</summary>
internal enum FaultKind
{
    KillOne,
    KillSeveral,
    KillAll,
    CutLink,
    CutOff,
    CutHalves,
    Weather,
}

/// <summary>
/// Real members in processes of their own, whose datagrams pass relays that lose, delay, double, reorder and cut; they are killed with −9 and started again
/// under load. In the end their histories are compared.
/// </summary>
internal sealed class Campaign : IAsyncDisposable
{
    private readonly CampaignOptions _options;
    private readonly Random _random;
    private readonly FaultyNetwork _network;
    private readonly UdpRelay _relay;
    private readonly MemberProcess[] _members;
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-processes-").FullName;
    private readonly Dictionary<FaultKind, int> _faults = [];
    private int _kills;

    private Campaign(CampaignOptions options)
    {
        _options = options;
        _random = new Random(options.Seed);
        _network = new FaultyNetwork((ulong)options.Seed);
        var addresses = FreePorts.TakeEndPoints(options.Members);
        (int From, int To)[] pairs = [.. from i in Enumerable.Range(0, options.Members) from j in Enumerable.Range(0, options.Members) where i != j select (i, j)];
        _relay = new UdpRelay([.. pairs.Select(p => new UdpRoute(_network.Between($"{p.From}", $"{p.To}"), addresses[p.To]))], IPAddress.Loopback);
        _members = [.. Enumerable.Range(0, options.Members).Select(i => new MemberProcess(
            i,
            [.. Enumerable.Range(0, options.Members).Select(j => i == j ? addresses[i] : _relay.Entrances[Array.IndexOf(pairs, (i, j))])],
            Path.Combine(_directory, $"{i}"),
            options.Journal))];
    }

    public static async Task<CampaignResult> RunAsync(CampaignOptions options, CancellationToken cancellation)
    {
        await using var campaign = new Campaign(options);
        var problem = await campaign.RunAsync(cancellation);
        IReadOnlyList<HistoryEntry>[] histories = [.. campaign._members.Select(m => HistoryFile.Read(m.History))];
        var acknowledged = campaign._members.SelectMany(m => m.Acknowledged).ToList();
        var counts = campaign._network.Links.Select(l => l.Counts).ToList();
        return new CampaignResult(
            problem ?? Histories.Problem(histories, acknowledged), histories[0].Count, acknowledged.Count, campaign._faults, campaign._kills,
            new LinkCounts(counts.Sum(c => c.Passed), counts.Sum(c => c.Lost), counts.Sum(c => c.Doubled), counts.Sum(c => c.HeldBack), counts.Sum(c => c.CutOff), counts.Sum(c => c.Overflowed), 0, 0));
    }

    public ValueTask DisposeAsync()
    {
        Array.ForEach(_members, m => m.Dispose());
        _relay.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<string?> RunAsync(CancellationToken cancellation)
    {
        ChangeWeather();
        Array.ForEach(_members, m => m.Start(_options.Outstanding));
        var died = Task.WhenAny(_members.Select(m => m.Died.Task));
        var faults = DoFaultsAsync(cancellation);
        if (await Task.WhenAny(faults, died) == faults)
        {
            await faults;
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            bound.CancelAfter(_options.SettleBound);
            var settling = SettleAsync(bound.Token);
            if (await Task.WhenAny(settling, died) == settling)
            {
                return await settling;
            }
        }

        return await await died;
    }

    private async Task DoFaultsAsync(CancellationToken cancellation)
    {
        // What is killed before it has done anything proves nothing.
        while (_members.Any(m => !m.HasAcknowledged))
        {
            await Task.Delay(20, cancellation);
        }

        var clock = Stopwatch.StartNew();
        while (true)
        {
            // Every kind, in an order of its own each time.
            var kinds = Enum.GetValues<FaultKind>();
            _random.Shuffle(kinds);
            foreach (var kind in kinds)
            {
                await Task.Delay(_random.Next(200, 800), cancellation);
                if (clock.Elapsed > _options.Length)
                {
                    return;
                }

                await DoAsync(kind, cancellation);
                _faults[kind] = _faults.GetValueOrDefault(kind) + 1;
            }
        }
    }

    private async Task DoAsync(FaultKind kind, CancellationToken cancellation)
    {
        var shuffled = Enumerable.Range(0, _members.Length).ToArray();
        _random.Shuffle(shuffled);
        switch (kind)
        {
            case FaultKind.KillOne:
                await KillAsync(shuffled[..1], cancellation);
                break;
            case FaultKind.KillSeveral:
                await KillAsync(shuffled[.._random.Next(2, _members.Length)], cancellation);
                break;
            case FaultKind.KillAll:
                await KillAsync(shuffled, cancellation);
                break;
            case FaultKind.CutLink:
                await CutAsync($"the link from {shuffled[0]} to {shuffled[1]}", l => (l.From, l.To) == ($"{shuffled[0]}", $"{shuffled[1]}"), cancellation);
                break;
            case FaultKind.CutOff:
                await CutAsync($"{shuffled[0]} from all others", l => l.From == $"{shuffled[0]}" || l.To == $"{shuffled[0]}", cancellation);
                break;
            case FaultKind.CutHalves:
                var half = shuffled[..(_members.Length / 2)].Select(m => $"{m}").ToHashSet();
                await CutAsync($"{string.Join(" and ", half)} from the others", l => half.Contains(l.From) != half.Contains(l.To), cancellation);
                break;
            case FaultKind.Weather:
                ChangeWeather();
                break;
        }
    }

    private async Task KillAsync(int[] victims, CancellationToken cancellation)
    {
        _options.Say($"kill −9 {string.Join(", ", victims)}");
        await Task.WhenAll(victims.Select(v => _members[v].KillAsync()));
        _kills += victims.Length;
        foreach (var victim in victims)
        {
            // Some come back at once, some late, while the others already run again.
            await Task.Delay(_random.Next(3) == 0 ? _random.Next(500) : 0, cancellation);
            _members[victim].Start(_options.Outstanding);
        }
    }

    private async Task CutAsync(string what, Func<Link, bool> which, CancellationToken cancellation)
    {
        _options.Say($"cut {what}");
        _network.Cut(which);
        await Task.Delay(_random.Next(200, 1_500), cancellation);
        _network.Mend(_ => true);
    }

    private void ChangeWeather()
    {
        var conditions = new LinkConditions
        {
            Loss = 0.05 + (0.05 * _random.NextDouble()),
            Delay = TimeSpan.FromMilliseconds(3 * _random.NextDouble()),
            Jitter = TimeSpan.FromMilliseconds(2 * _random.NextDouble()),
            Duplication = 0.05 * _random.NextDouble(),
            Reordering = 0.1 * _random.NextDouble(),
        };
        _network.Set(conditions);
        _options.Say($"the network: {conditions}");
    }

    /// <summary>Waits until all have delivered the same, with nothing left to deliver; what is wrong when that does not come about.</summary>
    private async Task<string?> SettleAsync(CancellationToken cancellation)
    {
        _options.Say("no further faults than loss, delay, duplication and reordering");
        try
        {
            await Task.WhenAll(_members.Select(m => m.AskAsync("settle", cancellation)));

            // Each member's last submission is acknowledged, and with it, being the last, all that it ever submitted has a number. A position that is told may
            // lag behind what is delivered, so that equal ones alone prove nothing.
            var last = _members.SelectMany(m => m.Acknowledged).Max(a => a.Number);
            while ((await Task.WhenAll(_members.Select(m => m.AskAsync("where", cancellation)))).Any(at => long.Parse(at, CultureInfo.InvariantCulture) < last))
            {
                await Task.Delay(20, cancellation);
            }

            await Task.WhenAll(_members.Select(m => m.StopAsync(cancellation)));
            return null;
        }
        catch (OperationCanceledException)
        {
            return $"the group did not come to rest within {_options.SettleBound.TotalSeconds} s";
        }
    }
}
