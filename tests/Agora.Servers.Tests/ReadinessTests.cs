namespace Agora.Servers.Tests;

/// <summary>
/// Anybody may ask whether a server is ready: that must not load the databases, and the answer must be fresh.
/// </summary>
public sealed class ReadinessTests
{
    private readonly ManualTime _time = new();
    private readonly List<TaskCompletionSource> _asked = [];

    [Fact]
    public async Task Those_who_ask_at_the_same_time_share_one_round()
    {
        var readiness = Of("a part");
        Task<string[]>[] answers = [.. Enumerable.Range(0, 100).Select(_ => readiness.MissingAsync())];

        Assert.Single(_asked).SetResult();

        Assert.All(await Task.WhenAll(answers), Assert.Empty);
    }

    [Fact]
    public async Task An_answer_is_valid_for_a_second_from_the_start_of_its_round_and_no_longer()
    {
        var readiness = Of("a part");
        var first = readiness.MissingAsync();
        _time.Advance(TimeSpan.FromSeconds(0.6));
        _asked[0].SetResult();
        Assert.Empty(await first);
        _time.Advance(TimeSpan.FromSeconds(0.3));
        Assert.Empty(await readiness.MissingAsync());
        Assert.Single(_asked);

        _time.Advance(TimeSpan.FromSeconds(0.1));
        var second = readiness.MissingAsync();
        Assert.Equal(2, _asked.Count);
        _asked[1].SetException(new UnavailableException("A part"));
        Assert.Equal(["a part"], await second);
    }

    [Fact]
    public async Task A_round_that_takes_long_is_not_begun_a_second_time()
    {
        var readiness = Of("a part");
        var first = readiness.MissingAsync();
        _time.Advance(TimeSpan.FromSeconds(10));

        Assert.Same(first, readiness.MissingAsync());
        Assert.Single(_asked).SetResult();
        await first;
    }

    [Fact]
    public async Task All_parts_are_asked_at_once_and_each_that_is_missing_is_named()
    {
        var readiness = Of("one", "two", "three");
        var answer = readiness.MissingAsync();
        Assert.Equal(3, _asked.Count);
        _asked[0].SetException(new UnavailableException("One"));
        _asked[1].SetResult();
        _asked[2].SetException(new HttpRequestException("no"));

        Assert.Equal(["one", "three"], await answer);
    }

    private Readiness Of(params string[] parts) =>
        new(
            parts.Select(name => new ReadinessPart(
                name,
                _ =>
                {
                    var answer = new TaskCompletionSource();
                    _asked.Add(answer);
                    return answer.Task;
                }
            )),
            new ServerSettings { ReadyDeadline = TimeSpan.FromMinutes(1) },
            _time
        );

    private sealed class ManualTime : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan by) => _now += by.Ticks;
    }
}
