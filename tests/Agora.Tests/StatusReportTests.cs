using System.Text.Json;
using Agora.Contracts.Cluster;
using Agora.Contracts.Replication;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

public sealed class StatusReportTests
{
    private static readonly ClusterProcess[] s_products = [.. ClusterFile.Default.Processes().Where(p => p.Component == Components.Products).Take(3)];

    [Fact]
    public void A_replica_lags_behind_the_highest_position_known_anywhere_in_its_group()
    {
        ClusterStatus status = Unsupervised(
            new(true, new StatusReply { Role = "leader", Applied = 10, Known = 12 }),
            new(true, new StatusReply { Role = "follower", Applied = 7, Known = 8 }),
            default);

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
    public void A_state_is_what_the_supervisor_sees_and_what_the_process_answers(string seen, bool up, bool answers, string state) =>
        Assert.Equal(state, Report(_ => new LocalView(up ? 1 : null, seen, 0, null, null), new ProbeAnswer(answers, null), default, default).Processes[0].State);

    [Fact]
    public void Without_a_supervisor_only_the_answer_counts() =>
        Assert.Equal(
            [ProcessState.Running, ProcessState.Unreachable, ProcessState.Unreachable],
            Unsupervised(new(true, null), default, default).Processes.Select(p => p.State));

    [Fact]
    public void The_JSON_is_as_documented()
    {
        ClusterStatus status = Report(
            p => p.Replica == 1 ? new LocalView(4711, ProcessState.Starting, 2, 1, null) : null,
            default, new ProbeAnswer(true, new StatusReply { Role = "leader", Applied = 1234, Known = 1234 }), default);

        JsonElement json = JsonSerializer.SerializeToElement(status, LauncherJson.Default.ClusterStatus);

        Assert.True(json.GetProperty("ready").GetBoolean());
        Assert.Equal(
            """{"name":"products/1","component":"products","replica":1,"pid":4711,"state":"running","restarts":2,"role":"leader","applied":1234,"lag":0,"memoryBytes":1,"addresses":{"grpc":"127.0.0.1:8151","raft":"127.0.0.1:8161"}}""",
            JsonSerializer.Serialize(json.GetProperty("processes")[1]));
    }

    private static ClusterStatus Unsupervised(params ProbeAnswer[] answers) => Report(_ => null, answers);

    private static ClusterStatus Report(Func<ClusterProcess, LocalView?> local, params ProbeAnswer[] answers) =>
        StatusReport.Of(s_products, answers, local, serves: true);
}
