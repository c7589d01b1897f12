using Agora.Replication.Raft;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class BallotTests : IDisposable
{
    private static readonly MemberId s_candidate = new(7, 8, 9);
    private static readonly BallotState s_before = new() { Term = 5 };
    private static readonly BallotState s_promised = new() { Term = 6, Vote = s_candidate };

    private readonly TemporaryDirectory _temporary = new();
    private readonly string _directory;

    public BallotTests()
    {
        _directory = _temporary["raft"];
        Directory.CreateDirectory(_directory);
    }

    private string Path => Ballot.PathIn(_directory);

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void No_single_damage_forgets_a_promise_and_the_other_slot_is_made_from_the_whole_one()
    {
        var content = Promise();
        for (var slot = 0; slot < 2; slot++)
        {
            for (var i = 0; i < Ballot.UsedBytes; i++)
            {
                var damaged = content.ToArray();
                damaged[(slot * Ballot.SlotSize) + i] ^= 1;
                File.WriteAllBytes(Path, damaged);
                Assert.Equal(s_promised, Read());
                Assert.Equal(content, File.ReadAllBytes(Path));
            }

            var gone = content.ToArray();
            gone.AsSpan(slot * Ballot.SlotSize, Ballot.SlotSize).Clear();
            File.WriteAllBytes(Path, gone);
            Assert.Equal(s_promised, Read());
            Assert.Equal(content, File.ReadAllBytes(Path));
        }
    }

    [Fact]
    public void With_both_slots_damaged_nothing_is_read()
    {
        var content = Promise();
        content[20] ^= 1;
        content[Ballot.SlotSize + 20] ^= 1;
        File.WriteAllBytes(Path, content);
        Assert.Throws<ReplicaDamagedException>(Read);
        Assert.Equal(content, File.ReadAllBytes(Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_slot_that_was_put_back_to_an_earlier_promise_is_noticed(int slot)
    {
        var earlier = Promise();
        using (var ballot = Open())
        {
            ballot.Write(s_promised with { Term = 7 });
            ballot.Write(s_promised with { Term = 8 });
        }

        var content = File.ReadAllBytes(Path);
        earlier.AsSpan(slot * Ballot.SlotSize, Ballot.SlotSize).CopyTo(content.AsSpan(slot * Ballot.SlotSize));
        File.WriteAllBytes(Path, content);
        var refusal = Assert.Throws<ReplicaDamagedException>(Read);
        Assert.Contains("which no crash leaves", refusal.What, StringComparison.Ordinal);
    }

    [Fact]
    public void The_ballot_of_another_replica_is_not_opened()
    {
        Promise();
        var refusal = Assert.Throws<ReplicaDamagedException>(() =>
            Ballot.Open(_directory, new RaftLogOptions { Owner = new OwnerMark(1) })
        );
        Assert.Equal("is the ballot of another replica", refusal.What);
    }

    [Fact]
    public void Whatever_a_crash_tears_a_promise_that_was_made_is_there_and_one_that_was_not_may_be()
    {
        var before = Promise(s_before);
        var after = Promise(s_promised);
        foreach (var slot in new[] { 0, 1 })
        {
            for (var written = 0; written <= Ballot.UsedBytes; written += 8)
            {
                // The first slot is whole before the second is begun.
                var torn = before.ToArray();
                after.AsSpan(0, slot * Ballot.SlotSize).CopyTo(torn);
                after.AsSpan(slot * Ballot.SlotSize, written).CopyTo(torn.AsSpan(slot * Ballot.SlotSize));
                File.WriteAllBytes(Path, torn);
                Assert.Contains(Read(), new[] { s_before, s_promised });
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void What_is_read_after_a_failed_sync_is_on_disk_before_it_is_claimed(int syncs)
    {
        ForgetfulDisk disk = new();
        RaftLogOptions options = new() { Disk = disk };
        using (var ballot = Ballot.Create(_directory, s_before, options))
        {
            disk.SyncsBeforeFailure = syncs;
            Assert.Throws<IOException>(() => ballot.Write(s_promised));
            Assert.Equal(s_before, ballot.State);
        }

        // The process ends, and the next one is told what the kernel's cache holds.
        BallotState claimed;
        using (var ballot = Ballot.Open(_directory, options)!)
        {
            claimed = ballot.State;
        }

        disk.LosePower();
        using var again = Ballot.Open(_directory, options)!;
        Assert.Equal(claimed, again.State);
    }

    private byte[] Promise(BallotState? last = null)
    {
        using (var ballot = Ballot.Create(_directory, s_before, new RaftLogOptions()))
        {
            if (last != s_before)
            {
                ballot.Write(s_promised);
            }
        }

        return File.ReadAllBytes(Path);
    }

    private Ballot Open() => Ballot.Open(_directory, new RaftLogOptions())!;

    private BallotState Read()
    {
        using var ballot = Open();
        return ballot.State;
    }
}
