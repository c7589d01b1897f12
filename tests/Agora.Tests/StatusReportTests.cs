using System.Text.Json;
using Agora.Cluster;
using Agora.Commands;
using Agora.Contracts.Replication;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class StatusReportTests
{
    private static readonly ProcessExit s_exit = new(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), 1, null, "x");

    private static readonly ClusterProcess[] s_products =
    [
        .. ClusterFile.Default.Processes().Where(p => p.Component == Components.Products).Take(3),
    ];

    [Fact]
    public void A_replica_lags_behind_the_highest_position_known_anywhere_in_its_group()
    {
        var status = Unsupervised(
            new(
                true,
                new StatusReply
                {
                    Role = "leader",
                    Applied = 10,
                    Known = 12,
                }
            ),
            new(
                true,
                new StatusReply
                {
                    Role = "follower",
                    Applied = 7,
                    Known = 8,
                }
            ),
            default
        );

        Assert.Equal([2L, 5L, null], status.Processes.Select(p => p.Lag));
        Assert.Equal([10L, 7L, null], status.Processes.Select(p => p.Applied));
        Assert.Equal(["leader", "follower", null], status.Processes.Select(p => p.Role));
    }

    [Theory]
    [InlineData(ProcessState.Starting, true, true, ProcessState.Running)]
    [InlineData(ProcessState.Starting, true, false, ProcessState.Starting)]
    [InlineData(ProcessState.Unresponsive, true, false, ProcessState.Unresponsive)]
    [InlineData(ProcessState.Stopping, true, true, ProcessState.Stopping)]
    [InlineData(ProcessState.Restarting, false, false, ProcessState.Restarting)]
    [InlineData(ProcessState.Killed, false, false, ProcessState.Killed)]
    public void A_state_is_what_the_supervisor_sees_and_what_the_process_answers(
        string seen,
        bool up,
        bool answers,
        string state
    ) =>
        Assert.Equal(
            state,
            Report(
                _ => new LocalView(up ? 1 : null, seen, 0, null, null),
                new ProbeAnswer(answers, null),
                default,
                default
            )
                .Processes[0]
                .State
        );

    [Fact]
    public void Without_a_supervisor_only_the_answer_counts() =>
        Assert.Equal(
            [ProcessState.Running, ProcessState.Unreachable, ProcessState.Unreachable],
            Unsupervised(new(true, null), default, default).Processes.Select(p => p.State)
        );

    [Fact]
    public void It_is_ready_only_if_nothing_is_missing_and_the_question_was_asked()
    {
        Assert.True(StatusReport.Of(s_products, new ProbeAnswer[3], _ => null, missing: []).Ready);
        Assert.False(StatusReport.Of(s_products, new ProbeAnswer[3], _ => null, missing: null).Ready);
        var status = StatusReport.Of(
            s_products,
            new ProbeAnswer[3],
            _ => null,
            ["customers: writes wait for customers/2"]
        );
        Assert.False(status.Ready);
        Assert.EndsWith("customers: writes wait for customers/2", status.NotReadyReason, StringComparison.Ordinal);
        Assert.Equal(
            "customers: writes wait for customers/2",
            JsonSerializer
                .SerializeToElement(status, LauncherJson.Default.ClusterStatus)
                .GetProperty("missing")[0]
                .GetString()
        );
    }

    [Theory]
    [InlineData(ProcessState.Restarting, 3600, true)]
    [InlineData(ProcessState.Running, 30, true)]
    [InlineData(ProcessState.Running, 90, false)]
    public void The_reason_of_a_death_is_shown_until_shortly_after_the_restart(string state, int secondsAgo, bool shown)
    {
        ProcessStatus process = new(
            "products/1",
            "products",
            1,
            null,
            state,
            1,
            null,
            null,
            null,
            null,
            new Dictionary<string, string>(),
            s_exit
        );

        Assert.Equal(shown, process.Trouble(s_exit.At.AddSeconds(secondsAgo)) is not null);
        Assert.Null((process with { LastExit = s_exit with { Code = 0 } }).Trouble(s_exit.At));
        Assert.Null((process with { LastExit = s_exit with { Code = null, Signal = 15 } }).Trouble(s_exit.At));
    }

    [Fact]
    public void The_JSON_is_as_documented()
    {
        var status = Report(
            p => p.Replica == 1 ? new LocalView(4711, ProcessState.Starting, 2, 1, s_exit, s_exit.At) : null,
            default,
            new ProbeAnswer(
                true,
                new StatusReply
                {
                    Engine = "raft",
                    Role = "leader",
                    Applied = 1234,
                    Known = 1234,
                    Ready = true,
                    Leader = 1,
                    Details = new ReplicaDetails
                    {
                        Term = 8,
                        Committed = 1230,
                        Resyncs = 2,
                        Peers =
                        {
                            new PeerStatus
                            {
                                Replica = 0,
                                Reaches = true,
                                HeardMillisecondsAgo = 12,
                                RoundTripMicroseconds = 310,
                            },
                            new PeerStatus { Replica = 2 },
                        },
                    },
                },
                s_exit.At.AddSeconds(1)
            ),
            default
        );

        var json = JsonSerializer.SerializeToElement(status, LauncherJson.Default.ClusterStatus);

        Assert.True(json.GetProperty("ready").GetBoolean());
        Assert.Equal(
            """{"name":"products/1","component":"products","replica":1,"pid":"""
                + """4711,"state":"running","restarts":2,"role":"leader","applied":"""
                + """1234,"lag":0,"memoryBytes":1,"addresses":"""
                + """{"grpc":"127.0.0.1:8151","raft":"127.0.0.1:8161"},"lastExit":"""
                + """{"at":"2026-01-02T03:04:05Z","code":1,"signal":null,"reason":"x"}"""
                + ""","startedAt":"2026-01-02T03:04:05Z","answeredAt":"2026-01-02T03:04:06Z","database":"""
                + """{"engine":"raft","ready":true,"leader":1,"term":8,"known":1234,"committed":1230,"repairsAsked":"""
                + """0,"repairsAnswered":0,"resyncs":2,"peers":[{"replica":0,"reaches":true,"heardMillisecondsAgo":"""
                + """12,"roundTripMicroseconds":310,"received":null,"sent":null},{"replica":2,"reaches":null"""
                + ""","heardMillisecondsAgo":null,"roundTripMicroseconds":null,"received":null,"sent":null}]"""
                + ""","joining":null,"problems":[]}}""",
            JsonSerializer.Serialize(json.GetProperty("processes")[1])
        );
    }

    [Fact]
    public void A_replica_that_joins_says_why_and_how_far_it_is()
    {
        ReplicaDetails details = new()
        {
            Joining = new JoiningStatus
            {
                Reason = "what it held is set aside: the ballot is damaged",
                Fetched = 3 << 20,
                Total = 8 << 20,
            },
            Problems = { "products/2 is refused: it belongs to a group of 3, and this replica to a group of 5" },
        };
        var status = Unsupervised(
            new(true, new StatusReply { Role = "joining", Details = details }),
            new(
                true,
                new StatusReply
                {
                    Role = "joining",
                    Details = new() { Joining = new() { Reason = "it is new" } },
                }
            ),
            new(true, new StatusReply { Role = "leader" })
        );

        var lines = StatusCommand.Lines(status, width: 200, isStyled: false).ToList();

        Assert.Contains(
            "products/0 joins, with 3.0 of 8.0 MiB of the state: what it held is set aside: the ballot is damaged",
            lines
        );
        Assert.Contains("products/1 joins: it is new", lines);
        Assert.Contains(
            "products/0: products/2 is refused: it belongs to a group of 3, and this replica to a group of 5",
            lines
        );
        Assert.DoesNotContain(
            lines,
            l => l.StartsWith("products/2 ", StringComparison.Ordinal) && l.Contains("join", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void A_marketplace_of_several_builds_says_which_process_is_of_which()
    {
        var mixed = Unsupervised(
            new(true, new StatusReply { Build = "0.2.0+bb" }),
            new(true, new StatusReply()),
            new(true, new StatusReply { Build = "0.2.0+bb" })
        );

        Assert.Contains(
            "builds differ: 0.2.0+bb at products/0, products/2; an earlier version at products/1",
            StatusCommand.Lines(mixed, width: 200, isStyled: false)
        );
        Assert.Equal(["0.2.0+bb", null, "0.2.0+bb"], mixed.Processes.Select(p => p.Build));
    }

    [Fact]
    public void One_build_is_not_worth_a_line_and_of_a_process_that_does_not_answer_nothing_follows()
    {
        var same = Unsupervised(
            new(true, new StatusReply { Build = "0.2.0+bb" }),
            new(true, null, Build: "0.2.0+bb"),
            default
        );

        Assert.Null(same.MixedBuilds);
        Assert.DoesNotContain(
            StatusCommand.Lines(same, width: 200, isStyled: false),
            line => line.Contains("build", StringComparison.Ordinal)
        );
    }

    [Fact]
    public void Of_many_processes_of_a_build_the_first_are_named()
    {
        ClusterProcess[] all = [.. ClusterFile.Default.Processes()];
        var status = StatusReport.Of(
            all,
            [.. all.Select((_, i) => new ProbeAnswer(true, null, Build: i == 1 ? "2" : "1"))],
            _ => null,
            missing: []
        );

        Assert.Equal("1 at web/0, seller-server/0, seller-server/1 and 16 more; 2 at payments/0", status.MixedBuilds);
    }

    private static ClusterStatus Unsupervised(params ProbeAnswer[] answers) => Report(_ => null, answers);

    private static ClusterStatus Report(Func<ClusterProcess, LocalView?> local, params ProbeAnswer[] answers) =>
        StatusReport.Of(s_products, answers, local, missing: []);
}
