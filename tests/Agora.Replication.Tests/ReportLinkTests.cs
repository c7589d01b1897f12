using System.Net;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Replication.Raft;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>How a replica asks another for its report, when the connection breaks or is slow.</summary>
public sealed class ReportLinkTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ReportLink _link;
    private int _port;

    public ReportLinkTests()
    {
        Listen();
        _link = new ReportLink(
            async cancellationToken =>
            {
                TcpClient client = new();
                await client.ConnectAsync(IPAddress.Loopback, _port, cancellationToken);
                return client.GetStream();
            },
            _time
        );
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _link.Dispose();
        _listener.Dispose();
    }

    [Fact]
    public async Task An_answer_to_an_earlier_question_is_none_to_a_later_one()
    {
        var given = _link.AskAsync();
        await using var other = await AcceptAsync();
        var first = await QuestionAsync(other);
        var asked = _link.AskAsync();
        await Assert.ThrowsAsync<IOException>(() => given);
        var second = await QuestionAsync(other);

        await AnswerAsync(other, first, new TermReport(7, 70));
        await AnswerAsync(other, second, new TermReport(8, null));
        Assert.Equal(new TermReport(8, null), await asked.WaitAsync(Cancel));
    }

    [Fact]
    public async Task After_the_connection_has_broken_the_next_question_is_asked_on_another()
    {
        var lost = _link.AskAsync();
        await using (var broken = await AcceptAsync())
        {
            await QuestionAsync(broken);
        }

        await Assert.ThrowsAsync<IOException>(() => lost);
        Assert.True(_link.IsSilent);

        var asked = _link.AskAsync();
        await using var other = await AcceptAsync();
        await AnswerAsync(other, await QuestionAsync(other), new TermReport(3, 30));
        Assert.Equal(new TermReport(3, 30), await asked.WaitAsync(Cancel));
        Assert.False(_link.IsSilent);
    }

    [Fact]
    public async Task A_connection_on_which_nothing_comes_is_given_up_for_another_and_that_one_has_its_time()
    {
        var lost = _link.AskAsync();
        await using var silent = await AcceptAsync();
        await QuestionAsync(silent);
        _time.Advance(TimeSpan.FromSeconds(4));

        var asked = _link.AskAsync();
        await Assert.ThrowsAsync<IOException>(() => lost);
        await using var other = await AcceptAsync();
        await QuestionAsync(other);
        _time.Advance(TimeSpan.FromSeconds(2));
        var again = _link.AskAsync();
        await AnswerAsync(other, await QuestionAsync(other), new TermReport(5, null));
        Assert.Equal(new TermReport(5, null), await again.WaitAsync(Cancel));
        await Assert.ThrowsAsync<IOException>(() => asked);
        Assert.Equal(0, await EndAsync(silent));

        // For a long time there was no question: that is no silence.
        _time.Advance(TimeSpan.FromMinutes(1));
        var later = _link.AskAsync();
        await AnswerAsync(other, await QuestionAsync(other), new TermReport(6, null));
        Assert.Equal(new TermReport(6, null), await later.WaitAsync(Cancel));
    }

    [Fact]
    public async Task A_replica_that_is_not_there_is_found_out_at_once_and_asked_again_the_next_time()
    {
        _listener.Stop();
        await Assert.ThrowsAsync<IOException>(() => _link.AskAsync().WaitAsync(Cancel));
        Listen();
        var asked = _link.AskAsync();
        await using var other = await AcceptAsync();
        await AnswerAsync(other, await QuestionAsync(other), new TermReport(1, null));
        Assert.Equal(new TermReport(1, null), await asked.WaitAsync(Cancel));
    }

    [Fact]
    public async Task Many_questions_at_once_are_all_over_when_the_last_is_answered()
    {
        var asked = Enumerable.Range(0, 1000).Select(_ => _link.AskAsync()).ToArray();
        await using var other = await AcceptAsync();
        for (var answered = asked[^1]; !answered.IsCompleted; )
        {
            var number = QuestionAsync(other);
            if (await Task.WhenAny(number, answered) == number)
            {
                await AnswerAsync(other, await number, new TermReport(2, 20));
            }
        }

        Assert.Equal(new TermReport(2, 20), await asked[^1]);
        Assert.All(asked, a => Assert.True(a.IsCompleted));
    }

    [Theory]
    [InlineData(ReplicationEngine.Raft, "views/2\nnonsense")]
    [InlineData(ReplicationEngine.RotatingSequencer, "views/1\n12345678")]
    public async Task A_replica_ends_a_connection_that_it_does_not_understand(
        ReplicationEngine engine,
        string beginning
    )
    {
        await using var group = await Group.StartAsync(engine, 1);
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, group.Definition.Replicas[0].GrpcPort, Cancel);
        await using var stream = client.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(beginning), Cancel);
        await UntilEndAsync(stream);
    }

    private void Listen()
    {
        _listener.Start();
        _port = ((IPEndPoint)_listener.LocalEndpoint).Port;
    }

    // The connection may be closed or reset.
    private static async Task<int> EndAsync(NetworkStream stream)
    {
        try
        {
            return await stream.ReadAsync(new byte[1], Cancel);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    // Kestrel says why before it ends the connection.
    private static async Task UntilEndAsync(NetworkStream stream)
    {
        while (await EndAsync(stream) != 0)
        {
            // One byte more.
        }
    }

    private async Task<NetworkStream> AcceptAsync() => new(await _listener.AcceptSocketAsync(Cancel), ownsSocket: true);

    private static async Task<long> QuestionAsync(NetworkStream stream)
    {
        var question = new byte[ReportWire.QuestionSize];
        await stream.ReadExactlyAsync(question, Cancel);
        return ReportWire.ReadQuestion(new(question));
    }

    private static async Task AnswerAsync(NetworkStream stream, long number, TermReport view)
    {
        var answer = new byte[ReportWire.AnswerSize];
        ReportWire.WriteAnswer(answer, number, view);
        await stream.WriteAsync(answer, Cancel);
    }
}
