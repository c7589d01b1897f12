using System.Net;
using Microsoft.Extensions.Time.Testing;

namespace Agora.Servers.Tests;

public sealed class LoginCountsTests
{
    private static readonly IPAddress s_owner = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress s_stranger = IPAddress.Parse("203.0.113.66");

    [Fact]
    public void Failed_logins_are_counted_by_username_and_client_within_a_window()
    {
        var time = new FakeTimeProvider();
        var failures = new LoginCounts(time, allowed: 3);
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(failures.Wait("eve", s_owner));
            failures.Add("eve", s_owner);
            time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Equal(TimeSpan.FromSeconds(30), failures.Wait("eve", s_owner));
        Assert.Null(failures.Wait("bob", s_owner));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Null(failures.Wait("eve", s_owner));
        failures.Add("eve", s_owner);
        Assert.Null(failures.Wait("eve", s_owner));
    }

    [Fact]
    public void A_stranger_who_guesses_locks_out_himself_and_not_the_owner()
    {
        var failures = new LoginCounts(new FakeTimeProvider(), allowed: 3);
        while (failures.Wait("eve", s_stranger) is null)
        {
            failures.Add("eve", s_stranger);
        }

        Assert.Null(failures.Wait("eve", s_owner));
    }

    [Fact]
    public void Guesses_from_many_addresses_are_bounded_too()
    {
        var failures = new LoginCounts(new FakeTimeProvider(), allowed: 3);
        var guesses = 0;
        for (var i = 0; i < 250; i++)
        {
            IPAddress address = new([203, 0, 113, (byte)i]);
            while (failures.Wait("eve", address) is null)
            {
                failures.Add("eve", address);
                guesses++;
            }
        }

        Assert.Equal(3 * LoginCounts.AllClients, guesses);
        Assert.Null(failures.Wait("bob", s_stranger));
    }

    [Fact]
    public void The_table_of_failed_logins_forgets_the_oldest_when_it_is_full()
    {
        var failures = new MinuteCounts<string>(new FakeTimeProvider(), allowed: 1);
        for (var i = 0; i <= 10_000; i++)
        {
            failures.Add($"user{i}");
        }

        Assert.Null(failures.Wait("user0"));
        Assert.NotNull(failures.Wait("user1"));
        Assert.NotNull(failures.Wait("user10000"));
    }

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    [InlineData("::1", "::1")]
    public void Addresses_that_one_client_has_all_of_count_as_one(string address, string client) =>
        Assert.Equal(IPAddress.Parse(client), ClientAddress.Of(IPAddress.Parse(address)));
}
