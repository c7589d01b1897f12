using Agora.Cluster;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

public sealed class RefusalLogTests
{
    [Fact]
    public void What_is_refused_again_and_again_is_logged_once_with_its_number()
    {
        var time = new FakeTimeProvider();
        List<string> lines = [];
        using (RefusalLog log = new(time, lines.Add))
        {
            for (var i = 0; i < 1000; i++)
            {
                log.Count("Login answers 503", "203.0.113.66");
            }

            log.Count("Login answers 503", "192.0.2.1");
            log.Count("Search answers 429", "192.0.2.1");
            Assert.Empty(lines);
            time.Advance(RefusalLog.Interval);
            Assert.Equal(
                [
                    "1001 in 5 s: Login answers 503 (203.0.113.66: 1000, 192.0.2.1: 1)",
                    "1 in 5 s: Search answers 429 (192.0.2.1: 1)",
                ],
                lines
            );
            time.Advance(RefusalLog.Interval);
            Assert.Equal(2, lines.Count);

            // However many refusals there are, memory and log lines stay small.
            for (var i = 0; i < 100_000; i++)
            {
                log.Count("Login answers 503", $"2001:db8::{i:x}");
            }
        }

        Assert.StartsWith("100000 in 5 s: Login answers 503 (others: 99900, ", lines[^1], StringComparison.Ordinal);
        Assert.InRange(lines[^1].Length, 1, 200);
    }
}
