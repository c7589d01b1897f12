using System.Globalization;
using Agora.Cluster;
using Agora.Doctor;
using Xunit;

namespace Agora.Tests.Doctor;

/// <summary>Each finding, from a marketplace in which everything else is right.</summary>
public sealed class DiagnosisTests
{
    private const long Gibibyte = 1L << 30;

    private static readonly DateTimeOffset s_now = new(2026, 5, 6, 7, 8, 9, TimeSpan.Zero);

    private static readonly ProcessExit s_died = new(s_now.UtcDateTime.AddSeconds(-5), 1, null, "its port is taken");

    [Fact]
    public void A_marketplace_in_which_all_is_right_has_no_finding() => Assert.Empty(Look(p => p));

    [Theory]
    [InlineData(ProcessState.Stopped, "is stopped", "agora start buyer-server/2")]
    [InlineData(ProcessState.Killed, "left dead", "agora start buyer-server/2")]
    [InlineData(ProcessState.Unresponsive, "does not answer", "agora kill buyer-server/2 --restart")]
    [InlineData(ProcessState.Unreachable, "does not answer at 127.0.0.1:8122", "firewall")]
    public void A_process_that_does_not_run(string state, string problem, string advice)
    {
        var finding = Assert.Single(Look(p => p.Name == "buyer-server/2" ? p with { State = state } : p));

        Assert.Equal((Finding.Warning, "buyer-server/2"), (finding.Severity, finding.Subject));
        Assert.Contains(problem, finding.Problem, StringComparison.Ordinal);
        Assert.Contains(advice, finding.Advice, StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_that_does_not_stay_up_is_told_with_the_reason()
    {
        var finding = Assert.Single(
            Look(p =>
                p.Name == "web/0" ? p with { State = ProcessState.Restarting, Restarts = 7, LastExit = s_died } : p
            )
        );

        Assert.Equal((Finding.Critical, "web/0"), (finding.Severity, finding.Subject));
        Assert.Contains("7 restarts", finding.Problem, StringComparison.Ordinal);
        Assert.Contains("its port is taken", finding.Problem, StringComparison.Ordinal);
        Assert.Contains("logs/web-0.log", finding.Advice, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3, 599, true)]
    [InlineData(2, 599, false)]
    [InlineData(3, 600, false)]
    public void A_process_that_runs_between_its_deaths(int restarts, int secondsAgo, bool isTold)
    {
        var exit = s_died with { At = s_now.UtcDateTime.AddSeconds(-secondsAgo) };
        var findings = Look(p => p.Name == "web/0" ? p with { Restarts = restarts, LastExit = exit } : p);

        Assert.Equal(isTold, findings.Any(f => f.Problem.Contains("has died 3 times", StringComparison.Ordinal)));
        Assert.Equal(isTold ? 1 : 0, findings.Count);
    }

    [Theory]
    [InlineData(60, false)]
    [InlineData(61, true)]
    public void A_start_that_takes_long(int seconds, bool isTold) =>
        Assert.Equal(
            isTold ? 1 : 0,
            Look(p =>
                p.Name == "web/0"
                    ? p with
                    {
                        State = ProcessState.Starting,
                        StartedAt = s_now.UtcDateTime.AddSeconds(-seconds),
                    }
                    : p
            ).Count
        );

    [Theory]
    [InlineData("products", 3, Finding.Critical, "has no majority: 2 of 5 replicas take part")]
    [InlineData("customers", 3, Finding.Critical, "has no majority: 2 of 5 replicas take part")]
    [InlineData("customers", 1, Finding.Critical, "orders nothing while customers/0 is away")]
    [InlineData("customers", 2, Finding.Critical, "orders nothing while customers/0, customers/1 are away")]
    public void A_database_without_enough_replicas(string database, int away, string severity, string problem)
    {
        var findings = Look(p => p.Component == database && p.Replica < away ? Away(p) : p);

        Assert.Equal(severity, findings[0].Severity);
        Assert.Equal(database, findings[0].Subject);
        Assert.Contains(problem, findings[0].Problem, StringComparison.Ordinal);
        // Each of those that are away is a finding too.
        Assert.Equal(away, findings.Count(f => f.Severity == Finding.Warning));
    }

    [Fact]
    public void Raft_without_a_minority_is_no_failure() =>
        Assert.All(
            Look(p => p is { Component: "products", Replica: < 2 } ? Away(p) : p),
            f => Assert.Equal(Finding.Warning, f.Severity)
        );

    [Fact]
    public void A_majority_without_a_leader_for_longer_than_an_election()
    {
        static ProcessStatus Leaderless(ProcessStatus p) =>
            p.Component == "products" ? p with { Database = p.Database! with { Leader = null } } : p;

        var finding = Assert.Single(Look(Leaderless));
        Assert.Equal((Finding.Critical, "products"), (finding.Severity, finding.Subject));
        Assert.Contains("no leader", finding.Problem, StringComparison.Ordinal);
        Assert.Empty(Diagnosis.Of(Status(p => p), Status(Leaderless), s_now));
    }

    [Fact]
    public void A_replica_that_joins()
    {
        var findings = Look(p =>
            p.Name == "products/4"
                ? p with
                {
                    Database = p.Database! with { Joining = new("its disk was lost", 1 << 20, 4 << 20) },
                }
                : p
        );

        var finding = Assert.Single(findings);
        Assert.Equal("products/4", finding.Subject);
        Assert.Contains("1.0 of 4.0 MiB", finding.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_replica_that_has_stopped_applying_and_one_that_falls_behind()
    {
        var before = Status(p => p.Name is "products/1" or "products/2" ? p with { Applied = 100, Lag = 2000 } : p);
        var after = Status(p =>
            p.Name switch
            {
                "products/1" => p with { Applied = 100, Lag = 2500 },
                "products/2" => p with { Applied = 600, Lag = 2000 },
                _ => p,
            }
        );

        var findings = Diagnosis.Of(before, after, s_now);
        Assert.Equal(["products/1", "products/2"], findings.Select(f => f.Subject));
        Assert.Contains("stopped applying", findings[0].Problem, StringComparison.Ordinal);
        Assert.Contains("does not catch up", findings[1].Problem, StringComparison.Ordinal);

        // One that catches up is left alone.
        Assert.Empty(
            Diagnosis.Of(before, Status(p => p.Name is "products/1" ? p with { Applied = 1900, Lag = 200 } : p), s_now)
        );
    }

    [Theory]
    [InlineData(999, 999, false)]
    [InlineData(1000, 1000, true)]
    [InlineData(1001, 1000, false)]
    public void A_replica_far_behind_that_does_not_catch_up(long before, long after, bool isTold)
    {
        static ClusterStatus Behind(long applied, long lag) =>
            Status(p => p.Name == "customers/2" ? p with { Applied = applied, Lag = lag } : p);

        var findings = Diagnosis.Of(Behind(5000, before), Behind(6000, after), s_now);

        Assert.Equal(isTold ? ["customers/2"] : [], findings.Select(f => f.Subject));
    }

    [Theory]
    [InlineData(1999, false)]
    [InlineData(2000, true)]
    [InlineData(-1999, false)]
    [InlineData(-2000, true)]
    public void A_clock_apart_from_the_others(long milliseconds, bool isTold)
    {
        var findings = Look(p =>
            p.Name == "products/1"
                ? p with
                {
                    Database = p.Database! with { ClockAheadMilliseconds = milliseconds },
                }
                : p
        );

        Assert.Equal(isTold ? ["products/1"] : [], findings.Select(f => f.Subject));
    }

    [Fact]
    public void A_clock_that_is_off_and_one_that_the_replica_itself_speaks_of()
    {
        var findings = Look(p =>
            p.Name switch
            {
                "customers/1" => p with { Database = p.Database! with { ClockAheadMilliseconds = -2500 } },
                "customers/2" => p with { Database = p.Database! with { ClockAheadMilliseconds = 1900 } },
                "customers/3" => p with
                {
                    Database = p.Database! with
                    {
                        ClockAheadMilliseconds = 60_000,
                        Problems = ["The clock of this replica is 60 s ahead of 4 of 4 other replicas."],
                    },
                },
                _ => p,
            }
        );

        Assert.Equal(["customers/3", "customers/1"], findings.Select(f => f.Subject));
        Assert.Contains("2.5 s behind", findings[1].Problem, StringComparison.Ordinal);
        Assert.All(findings, f => Assert.Contains("NTP", f.Advice, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData((10 * Gibibyte) - 1, 1000 * Gibibyte, Finding.Warning)]
    [InlineData(10 * Gibibyte, 1000 * Gibibyte, null)]
    [InlineData((2 * Gibibyte) - 1, 20 * Gibibyte, Finding.Warning)]
    [InlineData(2 * Gibibyte, 20 * Gibibyte, null)]
    [InlineData(Gibibyte / 2, 1000 * Gibibyte, Finding.Warning)]
    [InlineData((Gibibyte / 2) - 1, 1000 * Gibibyte, Finding.Critical)]
    [InlineData((Gibibyte / 2) - 1, Gibibyte, Finding.Critical)]
    [InlineData(Gibibyte / 4, 1000 * Gibibyte, Finding.Critical)]
    [InlineData(9 * Gibibyte, 20 * Gibibyte, null)]
    [InlineData(50 * Gibibyte, 1000 * Gibibyte, null)]
    public void A_disk_that_is_nearly_full_is_told_once_for_a_host(long free, long size, string? severity)
    {
        var findings = Look(p => p with { Disk = new DiskSpace(free, size) });

        Assert.Equal(severity is null ? [] : [severity], findings.Select(f => f.Severity));
        Assert.All(findings, f => Assert.Equal("127.0.0.1", f.Subject));
    }

    [Theory]
    [InlineData(30, null)]
    [InlineData(29, Finding.Warning)]
    [InlineData(0, Finding.Warning)]
    [InlineData(-1, Finding.Critical)]
    public void Certificates_that_end_are_told_once_for_a_day(int days, string? severity)
    {
        var findings = Look(p => p with { CertificateUntil = s_now.UtcDateTime.AddDays(days) });

        Assert.Equal(severity is null ? [] : [severity], findings.Select(f => f.Severity));
        Assert.All(findings, f => Assert.Contains("agora cluster keys --renew", f.Advice, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1000, 970, true)]
    [InlineData(1000, 971, false)]
    [InlineData(300, 200, true)]
    [InlineData(299, 199, false)]
    public void A_link_that_loses(long sent, long received, bool isTold)
    {
        var after = Status(p =>
            p.Name switch
            {
                "customers/0" => Linked(p, 1, sent: sent, received: 0),
                "customers/1" => Linked(p, 0, sent: 0, received: received),
                _ => p,
            }
        );

        var findings = Diagnosis.Of(Status(p => p), after, s_now);
        Assert.Equal(isTold ? ["customers/0 → customers/1"] : [], findings.Select(f => f.Subject));
    }

    [Fact]
    public void Counts_of_a_process_that_has_restarted_are_not_compared()
    {
        var after = Status(p =>
            p.Name switch
            {
                "customers/0" => Linked(p, 1, sent: 1000, received: 0),
                "customers/1" => Linked(p with { Pid = 99 }, 0, sent: 0, received: 10),
                _ => p,
            }
        );

        Assert.Empty(Diagnosis.Of(Status(p => p), after, s_now));
    }

    [Theory]
    [InlineData(20, 200, true)]
    [InlineData(19, 200, false)]
    [InlineData(50, 100, true)]
    [InlineData(50, 99, false)]
    public void Many_retransmissions_for_each_number(long repairs, long numbers, bool isTold)
    {
        var after = Status(p =>
            p.Name == "customers/0"
                ? p with
                {
                    Database = p.Database! with { RepairsAsked = repairs, Known = p.Database.Known + numbers },
                }
                : p
        );

        var findings = Diagnosis.Of(Status(p => p), after, s_now);
        Assert.Equal(isTold ? ["customers"] : [], findings.Select(f => f.Subject));
    }

    [Fact]
    public void Two_replicas_that_run_and_do_not_reach_each_other_are_one_finding()
    {
        var findings = Look(p =>
            p.Name switch
            {
                "products/1" => Linked(p, 3, reaches: false),
                "products/3" => Linked(p, 1, reaches: false),
                _ => p,
            }
        );

        Assert.Equal("products/1 ↔ products/3", Assert.Single(findings).Subject);
    }

    [Fact]
    public void What_a_replica_says_of_itself_is_passed_on()
    {
        var findings = Look(p =>
            p.Name == "products/1" ? p with { Database = p.Database! with { Problems = ["a bit is wrong"] } } : p
        );

        Assert.Contains("a bit is wrong", Assert.Single(findings).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Builds_that_differ_are_told_with_the_processes_of_each()
    {
        var findings = Look(p => p with { Build = p.Name is "customers/1" or "web/0" ? "0.2.0+bb" : "0.1.0+aa" });

        var finding = Assert.Single(findings);
        Assert.Equal((Finding.Warning, "the marketplace"), (finding.Severity, finding.Subject));
        Assert.EndsWith("; 0.2.0+bb at web/0, customers/1", finding.Problem, StringComparison.Ordinal);
        Assert.Contains("docs/operations.md", finding.Advice, StringComparison.Ordinal);
        Assert.Empty(Look(p => p with { Build = "0.1.0+aa" }));
    }

    [Fact]
    public void The_page_lists_the_thresholds()
    {
        var page = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "watching.md"));
        FormattableString[] rows =
        [
            $"| {Thresholds.LongStart.TotalMinutes} minute |",
            $"| {Thresholds.ManyDeaths} deaths, the last within {Thresholds.RecentDeath.TotalMinutes} minutes |",
            $"| {Thresholds.FarBehind:N0} positions, and no fewer at the second look |",
            $"| {Thresholds.ClockApart.TotalSeconds} s from the median of the others |",
            $"| less than {Thresholds.VeryLowBytes >> 20} MiB |",
            $"| less than {Thresholds.LowBytes >> 30} GiB and less than {Thresholds.LowShare:P0} of the disk |",
            $"| less than {ComponentIdentity.ExpiresSoon.TotalDays} days; ended: critical |",
            $"| {Thresholds.LossyShare:P0} of a link's datagrams, of {Thresholds.EnoughDatagrams} or more |",
            $"| {Thresholds.ManyRepairs:P0} of the numbers, of {Thresholds.EnoughNumbers} or more |",
        ];

        Assert.All(
            rows,
            row =>
                Assert.Contains(
                    row.ToString(CultureInfo.InvariantCulture).Replace(" %", "%", StringComparison.Ordinal),
                    page,
                    StringComparison.Ordinal
                )
        );
    }

    [Fact]
    public void What_is_not_served_is_told_where_nothing_else_explains_it()
    {
        static ClusterStatus NotReady(ClusterStatus status) =>
            status with
            {
                Ready = false,
                Missing = ["payments: none is ready"],
            };

        var finding = Assert.Single(Diagnosis.Of(NotReady(Status(p => p)), NotReady(Status(p => p)), s_now));
        Assert.Equal(Finding.Critical, finding.Severity);
        Assert.Contains("payments: none is ready", finding.Problem, StringComparison.Ordinal);

        // It is served now, or something else explains it.
        Assert.Empty(Diagnosis.Of(NotReady(Status(p => p)), Status(p => p), s_now));
        Assert.DoesNotContain(
            Diagnosis.Of(
                NotReady(Status(p => p.Component == "customers" ? Away(p) : p)),
                NotReady(Status(p => p.Component == "customers" ? Away(p) : p)),
                s_now
            ),
            f => f.Subject == "the marketplace"
        );
    }

    [Fact]
    public void Where_nothing_runs_there_is_one_finding() =>
        Assert.Contains("agora up", Assert.Single(Look(Away)).Advice, StringComparison.Ordinal);

    private static IReadOnlyList<Finding> Look(Func<ProcessStatus, ProcessStatus> change) =>
        Diagnosis.Of(Status(change), Status(change), s_now);

    private static ClusterStatus Status(Func<ProcessStatus, ProcessStatus> change) =>
        new(true, [.. ClusterFile.Default.Processes().Select(p => change(Right(p)))]);

    private static ProcessStatus Right(ClusterProcess process) =>
        new(
            process.Name,
            process.Component,
            process.Replica,
            Pid: 1,
            ProcessState.Running,
            Restarts: 0,
            Role: null,
            Diagnosis.IsDatabase(process.Component) ? 5000 : null,
            Diagnosis.IsDatabase(process.Component) ? 0 : null,
            MemoryBytes: 1 << 26,
            process.Endpoints.ToDictionary(e => e.Name, e => e.Address),
            StartedAt: s_now.UtcDateTime.AddHours(-1),
            Database: Diagnosis.IsDatabase(process.Component) ? Database(process) : null
        )
        {
            Disk = new DiskSpace(100 * Gibibyte, 200 * Gibibyte),
            CertificateUntil = s_now.UtcDateTime.AddYears(1),
        };

    private static DatabaseStatus Database(ClusterProcess process) =>
        new(
            process.Component == "products" ? "raft" : "rotating-sequencer",
            Ready: true,
            Leader: process.Component == "products" ? 0 : null,
            Term: null,
            Known: 5000,
            Committed: 5000,
            RepairsAsked: 0,
            RepairsAnswered: 0,
            Resyncs: 0,
            [
                .. Enumerable
                    .Range(0, 5)
                    .Where(other => other != process.Replica)
                    .Select(other => new PeerLink(other, true, 10, 300, 0, 0)),
            ]
        )
        {
            ClockAheadMilliseconds = 3,
        };

    private static ProcessStatus Away(ProcessStatus process) =>
        process with
        {
            State = ProcessState.Unreachable,
            Pid = null,
            Applied = null,
            Lag = null,
            Database = null,
        };

    private static ProcessStatus Linked(
        ProcessStatus process,
        int peer,
        long sent = 0,
        long received = 0,
        bool reaches = true
    ) =>
        process with
        {
            Database = process.Database! with
            {
                Peers =
                [
                    .. process.Database.Peers.Select(link =>
                        link.Replica == peer ? link with { Sent = sent, Received = received, Reaches = reaches } : link
                    ),
                ],
            },
        };
}
