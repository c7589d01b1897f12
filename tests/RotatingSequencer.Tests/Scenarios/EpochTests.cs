namespace RotatingSequencer.Tests.Scenarios;

/// <summary>
/// "A member's disk may be lost, damaged, rolled back to an older copy, or copied and used twice. None of it may ever
/// make two members deliver different things, and none of it may stop the group for ever."
/// </summary>
public sealed class EpochTests
{
    /// <summary>"Forming a new group is the same path."</summary>
    [Fact]
    public void A_group_forms_once_all_have_answered()
    {
        var group = new Lives(3);
        group.Start(0, 1);
        group.Submit(0, "early");
        group.Run();
        Assert.False(group[0].Operates);
        Assert.Equal([2], group[0].WaitsFor);
        Assert.Empty(group.Delivered[0]);

        group.Start(2);
        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(["early"], delivered));
    }

    [Fact]
    public void A_group_of_one_forms_alone()
    {
        var group = new Lives(1);
        group.Start(0);
        group.Submit(0, "x");

        group.Run();

        Assert.Equal(["x"], group.Delivered[0]);
    }

    /// <summary>Both of the first two may lose their disks before the third starts: nothing has begun.</summary>
    [Fact]
    public void A_disk_lost_while_the_group_forms_leaves_no_two_orders()
    {
        var group = new Lives(3);
        group.Start(0, 1);
        group.Submit(0, "A");
        group.Run();
        group.Stop(0);
        group.Lose(0);
        group.Start(0, 2);
        group.Submit(0, "B");

        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(["B"], delivered));
    }

    [Fact]
    public void A_member_without_its_disk_comes_back_under_its_old_id()
    {
        var group = Formed(3, "a", "b");
        group.Stop(2);
        group.Lose(2);
        group.Submit(0, "c");
        group.Run();

        group.Start(2);
        group.Run();
        group.Submit(2, "d");
        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(["a", "b", "c", "d"], delivered));
    }

    [Fact]
    public void Two_of_five_come_back_at_once()
    {
        var group = Formed(5, "a", "b", "c");
        foreach (var lost in (int[])[0, 3])
        {
            group.Stop(lost);
            group.Lose(lost);
        }

        group.Start(0, 3);
        group.Run();
        group.Submit(0, "d");
        group.Submit(3, "e");
        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(group.Delivered[1], delivered));
        Assert.Equal(5, group.Delivered[1].Count);
    }

    /// <summary>
    /// "If more disks are lost at once than the group can do without, the members say which and wait for a person;
    /// nothing is guessed."
    /// </summary>
    [Fact]
    public void When_too_many_are_lost_the_members_say_which_and_wait()
    {
        var group = Formed(3, "a");
        foreach (var lost in (int[])[0, 2])
        {
            group.Stop(lost);
            group.Lose(lost);
        }

        group.Start(0, 2);
        group.Run();

        Assert.Equal([0, 2], group[1].LostForGood);
        Assert.False(group[0].Operates);
        Assert.Equal(["a"], group.Delivered[1]);
        Assert.Empty(group.Delivered[0]);
    }

    /// <summary>"Old copies. A member learns so from the others before it says anything of its own."</summary>
    [Fact]
    public void An_older_copy_of_a_journal_is_not_gone_on_with()
    {
        var group = Formed(3, "a");
        var (copy, delivered) = (group.JournalOf(2), group.Delivered[2].ToList());
        group.Submit(2, "b");
        group.Run();
        group.Stop(2);
        group.PutBack(2, copy, delivered);

        group.Start(2);

        Assert.Throws<JournalLostException>(group.Run);
    }

    /// <summary>
    /// "What comes from an earlier life changes nothing, whoever sends it and however it was obtained."
    /// </summary>
    [Fact]
    public void Datagrams_of_an_earlier_group_do_a_new_one_no_harm()
    {
        var earlier = Formed(3, "old 1", "old 2");
        var group = new Lives(3);
        group.Start(0, 1, 2);
        foreach (var (to, bytes) in earlier.Sent)
        {
            group.Receive(to, bytes);
        }

        group.Run();
        group.Submit(1, "new");
        foreach (var (to, bytes) in earlier.Sent)
        {
            group.Receive(to, bytes);
        }

        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(["new"], delivered));
    }

    [Fact]
    public void Datagrams_from_before_a_disk_was_lost_change_nothing()
    {
        var group = Formed(3, "a");
        var before = group.Sent.ToList();
        group.Stop(1);
        group.Lose(1);
        group.Start(1);
        group.Run();
        foreach (var (to, bytes) in before)
        {
            group.Receive(to, bytes);
        }

        group.Submit(1, "b");
        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(["a", "b"], delivered));
    }

    /// <summary>"A member that hears of a later life of itself stops."</summary>
    [Fact]
    public void Of_two_processes_with_one_journal_one_stops()
    {
        var group = Formed(3, "a");
        group.StartCopy(0);

        Assert.Throws<MemberReplacedException>(group.Run);
    }

    /// <summary>
    /// One process goes on, deaf, while another one with a copy takes part in its place. Both give the same local
    /// number to a Request of their own. Then the other dies, and those who knew it start again.
    /// </summary>
    [Fact]
    public void A_process_whose_place_was_taken_is_not_heard_again_by_members_that_have_started_since()
    {
        var group = Formed(3, "a");
        var first = TakePlaceOf(group);
        group.Stop(0);
        group.Stop(1);
        group.Stop(2);

        group.GiveBack(0, first);
        group.Start(1, 2);

        Assert.Throws<MemberReplacedException>(group.Run);
        Assert.Equal(["a"], group.Delivered[0]);
    }

    /// <summary>The same, but the first process is started again so often that its life number is the higher.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_journal_that_was_copied_is_not_gone_on_with_once_the_copy_took_part(bool othersStartAgain)
    {
        var group = Formed(3, "a");
        var first = TakePlaceOf(group);
        group.Stop(0);
        group.GiveBack(0, first);
        group.Isolate(0);
        for (var starts = 0; starts < 4; starts++)
        {
            group.Stop(0);
            group.Start(0);
            group.Run();
        }

        if (othersStartAgain)
        {
            group.Stop(1);
            group.Stop(2);
            group.Start(1, 2);
        }

        group.Rejoin(0);

        Assert.Throws<JournalLostException>(group.Run);
        Assert.Equal(["a"], group.Delivered[0]);
    }

    [Fact]
    public void A_member_that_was_started_often_without_being_heard_takes_part_again()
    {
        var group = Formed(3, "a");
        group.Isolate(0);
        for (var starts = 0; starts < 4; starts++)
        {
            group.Stop(0);
            group.Start(0);
            group.Run();
        }

        group.Rejoin(0);
        group.Run();
        group.Submit(0, "b");
        group.Run();

        Assert.All(group.Delivered, delivered => Assert.Equal(["a", "b"], delivered));
    }

    /// <summary>
    /// Member 0 records a Request that reaches nobody. A second process, with a copy of its disk from before, takes
    /// part in its place, and its own first Request is delivered. Returns the first process.
    /// </summary>
    private static Lives.Process TakePlaceOf(Lives group)
    {
        var copy = group.JournalOf(0);
        group.Isolate(0);
        group.Submit(0, "lost");
        group.Run();
        var first = group.TakeAway(0);
        group.Rejoin(0);
        group.PutBack(0, copy, ["a"]);
        group.Start(0);
        group.Submit(0, "b");
        group.Run();
        Assert.All(group.Delivered, delivered => Assert.Equal(["a", "b"], delivered));
        return first;
    }

    private static Lives Formed(int members, params string[] payloads)
    {
        var group = new Lives(members);
        group.Start([.. Enumerable.Range(0, members)]);
        group.Run();
        foreach (var (i, payload) in payloads.Index())
        {
            group.Submit(i % members, payload);
            group.Run();
        }

        Assert.All(group.Delivered, delivered => Assert.Equal(payloads, delivered));
        return group;
    }
}
