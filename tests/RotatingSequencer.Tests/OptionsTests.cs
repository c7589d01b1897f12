using System.Net;

namespace RotatingSequencer.Tests;

/// <summary>Wrong options are refused by name before anything is opened.</summary>
public sealed class OptionsTests
{
    private static readonly MemberOptions s_good = new()
    {
        Id = 1,
        Members = [.. Enumerable.Range(1, 3).Select(host => new IPEndPoint(IPAddress.Parse($"192.0.2.{host}"), 7800))],
        GroupKey = new byte[16],
    };

    public static TheoryData<string, MemberOptions> Wrong =>
        new()
        {
            { "Id", s_good with { Id = -1 } },
            { "Id", s_good with { Id = 3 } },
            { "Members", s_good with { Members = [] } },
            { "Members", s_good with { Members = null! } },
            { "Members", s_good with { Members = [s_good.Members[0], s_good.Members[1], null] } },
            { "Members", s_good with { Members = [s_good.Members[0], null], ResolveMember = Unknown } },
            { "Members", s_good with { Members = [s_good.Members[0], s_good.Members[1], s_good.Members[0]] } },
            { "GroupKey", s_good with { GroupKey = new byte[15] } },
            { "JournalDirectory", s_good with { JournalDirectory = " " } },
            { "MaxDatagram", s_good with { MaxDatagram = 576 + 53 } },
            { "MaxDatagram", s_good with { MaxDatagram = 65_508 } },
            { "Window", s_good with { Window = 0 } },
            { "Window", s_good with { Window = 65_537 } },
            { "MaxWaiting", s_good with { MaxWaiting = 0 } },
            { "MaxWaitingBytes", s_good with { MaxWaitingBytes = 0 } },
            { "MaxJournalGrowth", s_good with { MaxJournalGrowth = 65_535 } },
            { "TimeProvider", s_good with { TimeProvider = null! } },
            { "Logger", s_good with { Logger = null! } },
        };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void A_wrong_option_is_refused_by_name(string name, MemberOptions options)
    {
        var refusal = Assert.ThrowsAny<ArgumentException>(options.Validate);

        Assert.Equal(name, refusal.ParamName);
    }

    [Fact]
    public void Options_at_their_bounds_are_taken()
    {
        s_good.Validate();
        (s_good with { Members = [null, s_good.Members[1], null], ResolveMember = Unknown }).Validate();
        (s_good with { MaxDatagram = 576 + 54, Window = 1, MaxWaiting = 1, MaxWaitingBytes = 1 }).Validate();
    }

    [Fact]
    public void Two_members_at_one_address_are_named()
    {
        var options = s_good with { Members = [s_good.Members[0], s_good.Members[1], s_good.Members[1]] };

        var refusal = Assert.Throws<ArgumentException>(options.Validate);

        Assert.Contains(
            "Members 1 and 2 have the same address, 192.0.2.2:7800",
            refusal.Message,
            StringComparison.Ordinal
        );
    }

    private static Task<IPEndPoint> Unknown(int member, CancellationToken cancellationToken) =>
        Task.FromException<IPEndPoint>(new IOException($"Nobody knows where member {member} is."));
}
