using Agora.Cluster;
using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>Who leads, whose turn it is, and how far everybody is.</summary>
public sealed class GroupViewTests
{
    private static readonly DateTime s_now = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    [Fact]
    public void The_one_that_says_that_it_leads_is_shown_as_the_leader()
    {
        var group = GroupView.Of(Pictures.Well(s_now), Components.Products, s_now);

        Assert.False(group.TakesTurns);
        Assert.Equal("products/1", group.Acting?.Process.Name);
        Assert.Equal(7, group.Term);
    }

    [Fact]
    public void Of_two_that_say_that_they_lead_the_one_with_the_higher_term_does()
    {
        var picture = Pictures.Well(s_now).With("products/3", p => p.InTerm("leader", 8));

        var group = GroupView.Of(picture, Components.Products, s_now);

        Assert.Equal("products/3", Assert.Single(group.Replicas, r => r.IsActing).Process.Name);
        Assert.Equal(8, group.Term);
    }

    /// <summary>"No role older than two seconds is shown as fact."</summary>
    [Theory]
    [InlineData(2.0, true)]
    [InlineData(2.1, false)]
    public void A_role_is_a_fact_for_two_seconds(double seconds, bool isFact)
    {
        var later = s_now.AddSeconds(seconds);

        Assert.Equal(isFact, GroupView.Of(Pictures.Well(s_now), Components.Products, later).Acting is not null);
        Assert.Equal(isFact, GroupView.Of(Pictures.Well(s_now), Components.Customers, later).Acting is not null);
    }

    [Fact]
    public void A_leader_whose_answer_is_old_is_none_even_if_the_others_are_fresh()
    {
        var picture = Pictures.Well(s_now).With("products/1", p => p with { AnsweredAt = s_now.AddSeconds(-3) });

        Assert.Null(GroupView.Of(picture, Components.Products, s_now).Acting);
    }

    [Fact]
    public void The_turn_follows_from_the_highest_number_whatever_slower_members_say()
    {
        // 120,328 was assigned last, so member 120,329 mod 5 = 4 is next.
        Assert.Equal(
            "customers/4",
            GroupView.Of(Pictures.Well(s_now), Components.Customers, s_now).Acting?.Process.Name
        );
        var picture = Pictures
            .Well(s_now)
            .With("customers/2", p => p with { Database = p.Database! with { Known = 120_330 } });

        Assert.Equal("customers/1", GroupView.Of(picture, Components.Customers, s_now).Acting?.Process.Name);
    }

    [Fact]
    public void A_group_of_which_nobody_answers_says_nothing()
    {
        var picture = Pictures.Well(s_now);
        foreach (var replica in Enumerable.Range(0, 5))
        {
            picture = picture.With($"customers/{replica}", p => p.Killed(s_now));
        }

        var group = GroupView.Of(picture, Components.Customers, s_now);

        Assert.True(group.TakesTurns);
        Assert.Null(group.Known);
        Assert.Null(group.Acting);
        Assert.Null(group.NumbersPerSecond);
        Assert.All(group.Replicas, r => Assert.Equal("✕", r.Mark.Glyph));
    }

    [Theory]
    [InlineData(ProcessState.Running, 0L, "●", "up")]
    [InlineData(ProcessState.Running, 5000L, "▲", "behind")]
    [InlineData(ProcessState.Starting, null, "◐", "starting")]
    [InlineData(ProcessState.Stopped, null, "○", "stopped")]
    [InlineData(ProcessState.Killed, null, "✕", "killed")]
    [InlineData(ProcessState.Unresponsive, null, "▲", "does not answer")]
    public void A_state_is_a_glyph_and_a_word(string state, long? lag, string glyph, string word)
    {
        var mark = Mark.Of(Pictures.Process("products", 2, s_now) with { State = state, Lag = lag });

        Assert.Equal((glyph, word), (mark.Glyph, mark.Word));
    }

    [Fact]
    public void A_link_says_what_the_listener_knows_and_nothing_where_it_does_not_answer()
    {
        var picture = Pictures.Well(s_now);
        ProcessStatus Of(string name) => picture.Status.Processes.Single(p => p.Name == name);

        Assert.Equal("●", LinkView.Of(picture, Of("customers/0"), Of("customers/3"), s_now).Glyph);
        Assert.Equal("0.4 ms", LinkView.Of(picture, Of("customers/0"), Of("customers/3"), s_now).Text);
        Assert.Equal("·", LinkView.Of(picture, Of("products/0"), Of("products/3"), s_now).Glyph);
        Assert.Equal("?", LinkView.Of(picture, Of("customers/0"), Of("customers/3"), s_now.AddSeconds(3)).Text);

        picture = picture with
        {
            Losses = new Dictionary<(string, string), double> { [("customers/3", "customers/0")] = 0.051 },
        };
        Assert.Equal(0.051, LinkView.Of(picture, Of("customers/0"), Of("customers/3"), s_now).Loss);
        picture = picture.With(
            "customers/0",
            p => p with { Database = p.Database! with { Peers = [new(3, false, 12_000, 310, 1, 1)] } }
        );
        var silent = LinkView.Of(picture, Of("customers/0"), Of("customers/3"), s_now);
        Assert.Equal(("✕", "12 s"), (silent.Glyph, silent.Text));
    }

    [Fact]
    public void Whether_it_is_well_is_a_sentence()
    {
        Assert.Equal("All is well.", Wellness.Of(Pictures.Well(s_now), s_now).Sentence);

        var killed = Pictures.Well(s_now).With("products/2", p => p.Killed(s_now.AddSeconds(-12)));
        var careful = Wellness.Of(killed, s_now);
        Assert.Equal("Everything is served, with 1 process down.", careful.Sentence);
        Assert.Contains("products/2 is down for 12 s (killed", careful.Details, StringComparison.Ordinal);

        var bad = Wellness.Of(
            killed with
            {
                Status = killed.Status with { Missing = ["customers: writes wait for customers/2"] },
            },
            s_now
        );
        Assert.Equal("Not everything is served: customers: writes wait for customers/2.", bad.Sentence);
    }
}
