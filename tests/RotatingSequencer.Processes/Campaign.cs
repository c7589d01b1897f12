using System.Diagnostics;
using System.Globalization;
using System.Net;
using Agora.Lab;
using Agora.Testing;

namespace RotatingSequencer.Processes;

/// <summary>
/// Real members, each a process, whose datagrams pass relays that lose, delay, double, reorder and cut. The processes
/// are killed with −9 and started again under load. In the end their histories are compared.
/// </summary>
internal sealed class Campaign : IAsyncDisposable
{
    private readonly CampaignOptions _options;
    private readonly Random _random;
    private readonly FaultyNetwork _network;
    private readonly UdpRelay _relay;
    private readonly MemberProcess[] _members;
    private readonly string _directory = Directory.CreateTempSubdirectory("rotating-sequencer-processes-").FullName;
    private readonly Dictionary<CampaignFault, int> _faults = [];
    private int _kills;

    private Campaign(CampaignOptions options)
    {
        _options = options;
        _random = new Random(options.Seed);
        _network = new FaultyNetwork((ulong)options.Seed);
        var addresses = FreePorts.TakeEndPoints(options.Members);
        (int From, int To)[] pairs =
        [
            .. from i in Enumerable.Range(0, options.Members)
            from j in Enumerable.Range(0, options.Members)
            where i != j
            select (i, j),
        ];
        _relay = new UdpRelay(
            [.. pairs.Select(p => new UdpRoute(_network.Between($"{p.From}", $"{p.To}"), addresses[p.To]))],
            IPAddress.Loopback
        );
        _members =
        [
            .. Enumerable
                .Range(0, options.Members)
                .Select(i => new MemberProcess(
                    i,
                    [
                        .. Enumerable
                            .Range(0, options.Members)
                            .Select(j => i == j ? addresses[i] : _relay.Entrances[Array.IndexOf(pairs, (i, j))]),
                    ],
                    Path.Combine(_directory, $"{i}"),
                    options.Journal
                )),
        ];
    }

    public static async Task<CampaignResult> RunAsync(CampaignOptions options, CancellationToken cancellationToken)
    {
        await using var campaign = new Campaign(options);
        var problem = await campaign.RunAsync(cancellationToken);
        IReadOnlyList<HistoryEntry>[] histories = [.. campaign._members.Select(m => HistoryFile.Read(m.History))];
        var acknowledged = campaign._members.SelectMany(m => m.Acknowledged).ToList();
        var counts = campaign._network.Links.Select(l => l.Counts).ToList();
        return new CampaignResult(
            problem ?? Histories.Problem(histories, acknowledged),
            histories[0].Count,
            acknowledged.Count,
            campaign._faults,
            campaign._kills,
            new LinkCounts(
                counts.Sum(c => c.Passed),
                counts.Sum(c => c.Lost),
                counts.Sum(c => c.Doubled),
                counts.Sum(c => c.HeldBack),
                counts.Sum(c => c.CutOff),
                counts.Sum(c => c.Overflowed),
                0,
                0
            )
        );
    }

    public ValueTask DisposeAsync()
    {
        Array.ForEach(_members, m => m.Dispose());
        _relay.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<string?> RunAsync(CancellationToken cancellationToken)
    {
        ChangeNetworkConditions();
        Array.ForEach(_members, m => m.Start(_options.Outstanding));
        var died = Task.WhenAny(_members.Select(m => m.Died.Task));
        var faults = DoFaultsAsync(cancellationToken);
        if (await Task.WhenAny(faults, died) == faults)
        {
            await faults;
            using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            bound.CancelAfter(_options.MaxSettling);
            var settling = SettleAsync(bound.Token);
            if (await Task.WhenAny(settling, died) == settling)
            {
                return await settling;
            }
        }

        return await await died;
    }

    private async Task DoFaultsAsync(CancellationToken cancellationToken)
    {
        // A member that is killed before it has done anything proves nothing.
        while (_members.Any(m => !m.HasAcknowledged))
        {
            await Task.Delay(20, cancellationToken);
        }

        var clock = Stopwatch.StartNew();
        while (true)
        {
            // Every kind, each round in another order.
            var kinds = Enum.GetValues<CampaignFault>();
            _random.Shuffle(kinds);
            foreach (var kind in kinds)
            {
                await Task.Delay(_random.Next(200, 800), cancellationToken);
                if (clock.Elapsed > _options.Length)
                {
                    return;
                }

                await DoAsync(kind, cancellationToken);
                _faults[kind] = _faults.GetValueOrDefault(kind) + 1;
            }
        }
    }

    private async Task DoAsync(CampaignFault kind, CancellationToken cancellationToken)
    {
        var shuffled = Enumerable.Range(0, _members.Length).ToArray();
        _random.Shuffle(shuffled);
        switch (kind)
        {
            case CampaignFault.KillOne:
                await KillAsync(shuffled[..1], cancellationToken);
                break;
            case CampaignFault.KillSeveral:
                await KillAsync(shuffled[.._random.Next(2, _members.Length)], cancellationToken);
                break;
            case CampaignFault.KillAll:
                await KillAsync(shuffled, cancellationToken);
                break;
            case CampaignFault.CutLink:
                await CutAsync(
                    $"the link from {shuffled[0]} to {shuffled[1]}",
                    l => (l.From, l.To) == ($"{shuffled[0]}", $"{shuffled[1]}"),
                    cancellationToken
                );
                break;
            case CampaignFault.CutOff:
                await CutAsync(
                    $"{shuffled[0]} from all others",
                    l => l.From == $"{shuffled[0]}" || l.To == $"{shuffled[0]}",
                    cancellationToken
                );
                break;
            case CampaignFault.CutHalves:
                var half = shuffled[..(_members.Length / 2)].Select(m => $"{m}").ToHashSet();
                await CutAsync(
                    $"{string.Join(" and ", half)} from the others",
                    l => half.Contains(l.From) != half.Contains(l.To),
                    cancellationToken
                );
                break;
            case CampaignFault.NetworkConditions:
                ChangeNetworkConditions();
                break;
        }
    }

    private async Task KillAsync(int[] victims, CancellationToken cancellationToken)
    {
        _options.Log($"kill −9 {string.Join(", ", victims)}");
        await Task.WhenAll(victims.Select(v => _members[v].KillAsync()));
        _kills += victims.Length;
        foreach (var victim in victims)
        {
            // Some come back at once, some late, when the others already run again.
            await Task.Delay(_random.Next(3) == 0 ? _random.Next(500) : 0, cancellationToken);
            _members[victim].Start(_options.Outstanding);
        }
    }

    private async Task CutAsync(string what, Func<Link, bool> which, CancellationToken cancellationToken)
    {
        _options.Log($"cut {what}");
        _network.Cut(which);
        await Task.Delay(_random.Next(200, 1_500), cancellationToken);
        _network.Heal(_ => true);
    }

    private void ChangeNetworkConditions()
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
        _options.Log($"the network: {conditions}");
    }

    /// <summary>
    /// Waits until all members have delivered the same, and nothing is left to deliver. Null, or the reason why that
    /// did not happen.
    /// </summary>
    private async Task<string?> SettleAsync(CancellationToken cancellationToken)
    {
        _options.Log("no more faults but loss, delay, duplication and reordering");
        try
        {
            await Task.WhenAll(_members.Select(m => m.AskAsync("settle", cancellationToken)));

            // Each member's last submission is acknowledged, so everything that it ever submitted has a number. A
            // reported position may lag what is delivered, so equal positions alone prove nothing.
            var last = _members.SelectMany(m => m.Acknowledged).Max(a => a.Number);
            while (
                (await Task.WhenAll(_members.Select(m => m.AskAsync("where", cancellationToken)))).Any(at =>
                    long.Parse(at, CultureInfo.InvariantCulture) < last
                )
            )
            {
                await Task.Delay(20, cancellationToken);
            }

            await Task.WhenAll(_members.Select(m => m.StopAsync(cancellationToken)));
            return null;
        }
        catch (OperationCanceledException)
        {
            return $"the group did not settle within {_options.MaxSettling.TotalSeconds} s";
        }
    }
}
