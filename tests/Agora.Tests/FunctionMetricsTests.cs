using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

/// <summary>What a server says at <c>/metrics</c>; the text is one that a server has answered, shortened.</summary>
public sealed class FunctionMetricsTests
{
    private static readonly string s_text = """
        # TYPE D histogram
        # UNIT D seconds
        D_bucket{otel_scope_name="S",function="Login",outcome="ok",le="0.01"} 3 1767326645000
        D_bucket{otel_scope_name="S",function="Login",outcome="ok",le="0.1"} 7 1767326645000
        D_bucket{otel_scope_name="S",function="Login",outcome="ok",le="+Inf"} 8 1767326645000
        D_sum{otel_scope_name="S",function="Login",outcome="ok"} 0.9 1767326645000
        D_count{otel_scope_name="S",function="Login",outcome="ok"} 8 1767326645000
        D_bucket{function="Login",otel_scope_name="S",outcome="unavailable",le="0.01"} 0
        D_bucket{function="Login",otel_scope_name="S",outcome="unavailable",le="0.1"} 0
        D_bucket{function="Login",otel_scope_name="S",outcome="unavailable",le="+Inf"} 2
        D_bucket{function="GetItem",otel_scope_name="S",outcome="no-such-item",le="0.01"} 1
        D_bucket{function="GetItem",otel_scope_name="S",outcome="no-such-item",le="+Inf"} 1
        dotnet_gc_collections_total{gc_heap_generation="gen0"} 4
        # EOF
        """.Replace("D_", "agora_function_duration_seconds_", StringComparison.Ordinal);

    [Fact]
    public void Outcomes_are_added_up_and_those_that_were_not_served_counted()
    {
        var functions = FunctionMetrics.Parse(s_text);

        Assert.Equal(["GetItem", "Login"], functions.Select(f => f.Name));
        var login = functions[1];
        Assert.Equal((10, 2), (login.Answered, login.Failed));
        Assert.Equal([0.01, 0.1], login.Bounds);
        Assert.Equal([3L, 4, 3], login.Buckets);

        // What a user did wrong is served.
        Assert.Equal((1, 0), (functions[0].Answered, functions[0].Failed));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>another program</html>")]
    [InlineData("agora_function_duration_seconds_bucket{")]
    [InlineData("agora_function_duration_seconds_bucket{function=\"Login\",outcome=\"ok\",le=\"much\"} 1")]
    [InlineData("agora_function_duration_seconds_bucket{function=\"Login\",outcome=\"ok\",le=\"1\"} -1")]
    [InlineData("agora_function_duration_seconds_bucket{function=\"Login\",outcome=\"ok\",le=\"1\"} x")]
    public void What_is_not_understood_counts_for_nothing(string text) => Assert.Empty(FunctionMetrics.Parse(text));

    [Fact]
    public void Another_program_cannot_fill_the_memory()
    {
        var lines = Enumerable
            .Range(0, 10_000)
            .Select(i =>
                FormattableString.Invariant(
                    $"agora_function_duration_seconds_bucket{{function=\"F{i}\",outcome=\"ok\",le=\"{i}\"}} 1"
                )
            );

        Assert.True(FunctionMetrics.Parse(string.Join('\n', lines)).Count <= 100);
    }
}
