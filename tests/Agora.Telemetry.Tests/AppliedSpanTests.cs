using System.Diagnostics;
using Agora.Contracts.Customers;
using Agora.Customers;
using Agora.Replication;
using Agora.Replication.Telemetry;
using Google.Protobuf;
using Xunit;

namespace Agora.Telemetry.Tests;

/// <summary>What a replica's store tells of the commands that it applies, and what it does not.</summary>
public sealed class AppliedSpanTests : IDisposable
{
    private static readonly ActivityContext s_trace = new(
        ActivityTraceId.CreateRandom(),
        ActivitySpanId.CreateRandom(),
        ActivityTraceFlags.Recorded
    );

    private readonly string _directory = Directory.CreateTempSubdirectory("agora-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_sampled_command_changes_a_state_and_its_reply_as_one_that_is_not_sampled()
    {
        using var plain = Open("plain");
        using var traced = Open("traced");
        var id = Guid.NewGuid();

        var replies = new[] { Apply(plain, 1, Account(id)), Apply(traced, 1, Traced(Account(id))) };
        Assert.Equal(replies[0], replies[1]);

        // A repeat under the same key is the same request, whichever trace it belongs to.
        var repeats = new[] { Apply(plain, 2, Account(id)), Apply(traced, 2, Traced(Account(id))) };
        Assert.Equal(repeats[0], repeats[1]);
        Assert.True(CustomersReply.Parser.ParseFrom(repeats[1]).Replayed);
        Assert.Equal(plain.Digest(), traced.Digest());
    }

    [Fact]
    public void A_command_that_is_applied_is_a_child_of_its_order_and_a_replay_is_not_told()
    {
        List<Activity> spans = [];
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "Agora.Replica",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using var store = Open("store");

        // Until it is known what the log held at the start, nothing is told.
        Apply(store, 1, Traced(Account(Guid.NewGuid())));
        store.TracedFrom = 2;
        Apply(store, 2, Traced(Account(Guid.NewGuid())));
        Assert.Empty(spans);

        Apply(store, 3, Account(Guid.NewGuid()));
        Assert.Empty(spans);

        Apply(store, 4, Traced(Account(Guid.NewGuid())));
        var span = Assert.Single(spans);
        Assert.Equal(("apply", ActivityKind.Consumer), (span.OperationName, span.Kind));
        Assert.Equal((s_trace.TraceId, s_trace.SpanId), (span.TraceId, span.ParentSpanId));
        Assert.Equal(4L, span.GetTagItem("agora.position"));
    }

    private ReplicatedStore Open(string name) =>
        ReplicatedStore.Open(Path.Combine(_directory, name), new CustomersStateMachine());

    private static byte[] Apply(ReplicatedStore store, long position, Command command)
    {
        var replies = new ReadOnlyMemory<byte>[1];
        store.Apply(position, [command], replies);
        return replies[0].ToArray();
    }

    private static Command Traced(Command command) =>
        command with
        {
            Payload = TraceField.Append(command.Payload.Span, s_trace),
        };

    private static Command Account(Guid id) =>
        new(
            id,
            1_000_000,
            new CustomersCommand
            {
                Fingerprint = 7,
                CreateAccount = new()
                {
                    Role = Role.Seller,
                    Name = "Ada",
                    Username = $"ada-{id:N}",
                    UsernameKey = $"ada-{id:N}",
                    PasswordHash = "hash",
                },
            }.ToByteArray()
        );
}
