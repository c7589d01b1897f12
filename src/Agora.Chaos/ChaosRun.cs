using System.Globalization;
using System.Security.Cryptography;
using Agora.Cluster;
using Agora.Evaluation;

namespace Agora.Chaos;

/// <summary>
/// Runs rounds of trade under faults. In each round users with new accounts call all functions, and every answer is
/// compared with a model. Then everything is healed, and the books are audited. The same marketplace serves all rounds.
/// </summary>
public sealed class ChaosRun(
    IBreakableMarketplace marketplace,
    ChaosOptions options,
    Action<string> say,
    TimeProvider time
)
{
    private static readonly TimeSpan s_progress = TimeSpan.FromSeconds(15);

    // Long enough for all processes to start on a busy machine, and for open purchases to be settled.
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(3);

    // Trade goes on for a moment after everything is healed: waiting calls get their answers, and new ones must
    // succeed.
    private static readonly TimeSpan s_afterHealing = TimeSpan.FromSeconds(3);

    // Not from the seed: a second run on the same data needs names and categories of its own.
    private readonly string _tag = RandomNumberGenerator.GetHexString(4, lowercase: true);
    private readonly int _firstCategory = RandomNumberGenerator.GetInt32(1 << 10, 1 << 30);
    private readonly Findings _findings = new(say, time);
    private readonly AllowedFailures _allowed = new(options.Beyond, time);
    private readonly List<RoundResult> _rounds = [];
    private readonly List<FaultDone> _faults = [];
    private readonly SortedSet<string> _missingKinds = new(StringComparer.Ordinal);

    /// <summary>The faults that a run plans, round by round.</summary>
    public static IEnumerable<string> Timeline(ChaosOptions options, ClusterFile cluster)
    {
        ArgumentNullException.ThrowIfNull(options);
        var (count, length) = options.Rounds;
        for (var round = 0; round < count; round++)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"round {round + 1} of {count}, {length.TotalSeconds:0} s"
            );
            var counts = ReplicaCounts.Of(cluster);
            foreach (var fault in FaultPlan.Of(options.Seed, round, length, options.Beyond, counts, options.Kinds))
            {
                yield return string.Create(CultureInfo.InvariantCulture, $"{fault.At.TotalSeconds, 6:0.0} s  {fault}");
            }
        }
    }

    /// <summary>Runs all rounds.</summary>
    /// <param name="command">The command that makes the same run again, for the report.</param>
    /// <param name="save">Is called after each round with the report so far.</param>
    /// <param name="cancellationToken">Ends the run; what was saved stays.</param>
    public async Task<ChaosReport> RunAsync(
        string command,
        Action<ChaosReport> save,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(save);
        var (count, length) = options.Rounds;
        var machine = Machine.This();
        var at = time.GetUtcNow();
        using Databases databases = new(marketplace.File, marketplace.Identity);
        using Auditor auditor = new(marketplace, databases, time);
        await auditor.BeginAsync(cancellationToken);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watch = _allowed.WatchAsync(watching.Token);
        ChaosReport? report = null;
        for (var round = 0; round < count; round++)
        {
            var goesOn = await RoundAsync(round, length, count, auditor, cancellationToken);
            report = new()
            {
                Version = ProgramBuild.Current,
                At = at,
                Command = command,
                Machine = machine,
                Options = options,
                Rounds = [.. _rounds],
                Functions = _findings.Counts,
                Checks = _findings.Checks,
                Faults = [.. _faults],
                MissingKinds = [.. _missingKinds],
                LongestPauseSeconds = Math.Round(_findings.LongestSilence.TotalSeconds, 1),
                Standstills = _allowed.Standstills,
                Violations = _findings.AllViolations,
                Unexpected = _findings.AllUnexpected,
            };
            save(report);
            if (!goesOn)
            {
                break;
            }
        }

        await watching.CancelAsync();
        await watch.ContinueWith(_ => { }, TaskScheduler.Default);
        return report!;
    }

    /// <summary>
    /// Runs one round; false where the marketplace did not come back, so that no other round makes sense.
    /// </summary>
    private async Task<bool> RoundAsync(
        int number,
        TimeSpan length,
        int count,
        Auditor auditor,
        CancellationToken cancellationToken
    )
    {
        say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"round {number + 1} of {count}: {length.TotalSeconds:0} s, "
                    + $"{options.Sellers} sellers and {options.Buyers} buyers"
            )
        );
        var counts = ReplicaCounts.Of(marketplace.File);
        var plan = FaultPlan.Of(options.Seed, number, length, options.Beyond, counts, options.Kinds);
        if (!options.Beyond && length >= FaultPlan.MinCompleteLength)
        {
            _missingKinds.UnionWith(FaultPlan.MissingKinds(plan, counts, options.Kinds).Select(kind => kind.Text()));
        }

        using DiskFaults disks = new(marketplace);
        FaultInjector injector = new(
            marketplace,
            disks,
            number + 1,
            options.Beyond,
            _allowed,
            _findings,
            counts,
            say,
            time
        );
        await using Listings listings = new(_findings);
        using CancellationTokenSource closing = new();
        RunNames names = new(
            string.Create(CultureInfo.InvariantCulture, $"{_tag}{number}"),
            _firstCategory + (number * 1000)
        );
        Round round = new(number, options, names, listings, _findings, _allowed, time, closing.Token);
        List<SellerAnswers> sellers = [];
        List<BuyerAnswers> buyers = [];
        var callsBefore = _findings.Calls;
        _findings.Begins();
        var start = time.GetTimestamp();
        var users = UsersAsync(round, sellers, buyers, cancellationToken);
        var faults = injector.RunAsync(plan, length, cancellationToken);
        try
        {
            while (!faults.IsCompleted && !users.IsCompleted)
            {
                await Task.WhenAny(faults, users, Task.Delay(s_progress, time, cancellationToken));
                var calls = _findings.Calls;
                var elapsed = time.GetElapsedTime(start).TotalSeconds;
                say(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{elapsed, 6:0.0} s  {(calls - callsBefore) / elapsed:0} calls/s, {calls:N0} in all, "
                            + $"{_findings.Violations} violations, {_findings.Unexpected} unexpected failures; "
                            + $"{injector.Now}"
                    )
                );
                cancellationToken.ThrowIfCancellationRequested();
            }

            await faults;
            var seconds = time.GetElapsedTime(start).TotalSeconds;
            var healed = time.GetTimestamp();
            await WholeAsync(cancellationToken);
            var whole = time.GetElapsedTime(healed).TotalSeconds;
            await Task.WhenAny(users, Task.Delay(s_afterHealing, time, cancellationToken));
            await closing.CancelAsync();
            await users;
            await listings.CloseAllAsync(cancellationToken);
            say(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"round {number + 1}: healed, whole again after {whole:0.0} s; "
                        + $"the audit of {sellers.Count + buyers.Count} accounts"
                )
            );
            var (customersBefore, productsBefore) = (
                auditor.RepeatsOf(Components.Customers),
                auditor.RepeatsOf(Components.Products)
            );
            var wrong = await auditor.AuditAsync(sellers, buyers, cancellationToken);
            foreach (var line in wrong.Take(30))
            {
                say($"WRONG BOOKS: {line}");
            }

            var processes = await marketplace.ProcessesAsync(cancellationToken);
            _rounds.Add(
                new(
                    number + 1,
                    Math.Round(seconds, 1),
                    _findings.Calls - callsBefore,
                    sellers.Count + buyers.Count,
                    wrong,
                    Math.Round(whole, 1),
                    Math.Round(processes.Sum(p => p.MemoryBytes ?? 0) / 1048576.0),
                    Math.Round(Environment.WorkingSet / 1048576.0),
                    auditor.RepeatsOf(Components.Customers) - customersBefore,
                    auditor.RepeatsOf(Components.Products) - productsBefore
                )
            );
            say(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"round {number + 1}: {_findings.Calls - callsBefore:N0} calls, "
                        + $"the books {(wrong.Count == 0 ? "balance" : "DO NOT BALANCE")}"
                )
            );
            return true;
        }
        catch (EvaluationException e)
        {
            _findings.Violation(e.Message);
            return false;
        }
        finally
        {
            _faults.AddRange(injector.Done);
            await closing.CancelAsync();
            // Where the round failed or was cancelled, this ends the users' calls too.
            await users.ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private async Task UsersAsync(
        Round round,
        List<SellerAnswers> sellers,
        List<BuyerAnswers> buyers,
        CancellationToken cancellationToken
    )
    {
        var file = marketplace.File;
        var card = Load.TestCard(time.GetUtcNow());
        IReadOnlyList<Uri> sellerServers = file.AddressesOf(file.SellerServers),
            buyerServers = file.AddressesOf(file.BuyerServers);
        await Task.WhenAll(
            Enumerable
                .Range(0, options.Sellers)
                .Select(place =>
                    PlaceAsync(
                        round,
                        life => new ChaosSeller(round, new("seller", place, life), sellerServers, Keep(sellers)),
                        cancellationToken
                    )
                )
                .Concat(
                    Enumerable
                        .Range(0, options.Buyers)
                        .Select(place =>
                            PlaceAsync(
                                round,
                                life => new ChaosBuyer(
                                    round,
                                    new("buyer", place, life),
                                    buyerServers,
                                    card,
                                    Keep(buyers)
                                ),
                                cancellationToken
                            )
                        )
                )
        );

        static Action<T> Keep<T>(List<T> list) =>
            answers =>
            {
                lock (list)
                {
                    list.Add(answers);
                }
            };
    }

    /// <summary>Lets one user after the other live in one place, until the round closes.</summary>
    private static Task PlaceAsync(Round round, Func<int, ChaosClient> create, CancellationToken cancellationToken) =>
        Task.Run(
            async () =>
            {
                for (var life = 0; !round.Closing.IsCancellationRequested; life++)
                {
                    using var client = create(life);
                    await client.LiveAsync(cancellationToken);
                }
            },
            cancellationToken
        );

    private async Task WholeAsync(CancellationToken cancellationToken)
    {
        PollDeadline deadline = new(s_timeout, time);
        while (await marketplace.MissingAsync(cancellationToken) is { } missing)
        {
            if (deadline.HasPassed())
            {
                throw new EvaluationException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the marketplace is not whole again {deadline.Elapsed.TotalSeconds:0} s after everything was "
                            + $"healed: {missing}"
                    )
                );
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250), time, cancellationToken);
        }
    }
}
