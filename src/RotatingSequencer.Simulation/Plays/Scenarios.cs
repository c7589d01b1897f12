using static RotatingSequencer.Simulation.MemberEvent;

namespace RotatingSequencer.Simulation.Plays;

/// <summary>The told scenarios, in the order in which to look at them.</summary>
public static class Scenarios
{
    /// <summary>
    /// Before each told scenario the members have had two requests each. So the next number is 10, and everybody's
    /// next
    /// Request has the local number 2.
    /// </summary>
    internal const int RoundsBefore = 2;

    private const string FiveMembers =
        "Five members, 0 to 4, hold the same. Numbers 0 to 9 are assigned and delivered everywhere. Number 10 "
        + "belongs to member 0, since 10 mod 5 is 0: member 0 has the turn.";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new()
        {
            Name = "normal",
            Title = "The normal case",
            Summary = "Three members have requests at nearly the same time. All members deliver them in one order.",
            Lesson =
                "Nobody is the leader. The turn moves with the numbers, and a Sequence is at the same time the "
                + "permission to assign the next number. Now try it: choose a message in the picture and lose "
                + "it.",
            Beginning = FiveMembers,
            Members = 5,
            Script = script =>
            {
                script.Submits(500, 3);
                script.Submits(700, 1);
                script.Submits(900, 4);
            },
            Told =
            [
                new(
                    "A client hands member 3 a request. Member 3 writes it to its disk and sends it to all, as "
                        + "Request (3,2): the third of member 3, which counts from 0.",
                    Until.Request(3, 2)
                ),
                new(
                    "Members 1 and 4 have requests too. Nobody knows yet which comes first: the Requests reach each "
                        + "member in an order of its own.",
                    Until.Request(4, 2)
                ),
                new(
                    "The turn decides. Member 0 has it and assigns number 10 to the first Request that it holds. It "
                        + "says so in Sequence 10, to all.",
                    Until.Sequence(10)
                ),
                new(
                    "Sequence 10 also is the permission to go on. Member 1 now holds everything up to 10, so it "
                        + "assigns number 11. The choice is fair: after a Request of member 3 comes one of member 4.",
                    Until.Sequence(11)
                ),
                new(
                    "In the same way member 2 assigns number 12: the turn moves without a message of its own. Every "
                        + "datagram also says how far its sender holds everything. These are its claims.",
                    Until.Sequence(12)
                ),
                new(
                    "A member that knows of a majority that holds number 10, itself included, delivers it. Three of "
                        + "five are enough: no crash can take number 10 back.",
                    Until.AllDeliver(10)
                ),
                new(
                    "Numbers 11 and 12 follow. All members deliver the same requests in the same order: 10, 11, 12.",
                    Until.AllDeliver(12)
                ),
                new(
                    "When everybody knows that all hold everything, it is dropped from memory. Then the group is "
                        + "silent.",
                    Until.AllDrop(12)
                ),
            ],
        },
        new()
        {
            Name = "idle",
            Title = "Idle knowledge",
            Summary = "One request, and then nothing that could carry the claims.",
            Lesson =
                "The submitter learns at once that a majority holds its Request; the others learn it a little "
                + "later. A silent group costs nothing but a heartbeat a second.",
            Beginning = FiveMembers + " Nobody sends anything.",
            Members = 5,
            Script = script => script.Submits(500, 3),
            Told =
            [
                new("Member 3 gets the only request, and sends it to all.", Until.Request(3, 2)),
                new("Member 0 has the turn. It assigns number 10 and sends Sequence 10 to all.", Until.Sequence(10)),
                new(
                    "Nothing follows that could carry claims, yet the submitter waits for a majority. It counts "
                        + "itself and the sequencer, and needs one more: member 1, next after the sequencer, sends "
                        + "its claims to member 3 at once.",
                    Until.Claims(1, to: 3)
                ),
                new(
                    "Members 0, 1 and 3 hold number 10. Member 3 knows it, delivers, and answers its client.",
                    Until.Delivers(3, 10)
                ),
                new(
                    "Nobody waits for the other claims. They wait up to 2 ms for something to travel with, and then "
                        + "go alone.",
                    Until.Claims(2)
                ),
                new("Now the others know of a majority as well, and deliver number 10.", Until.AllDeliver(10)),
                new("All know that all hold it, and drop it. The group falls silent.", Until.AllDrop(10)),
            ],
        },
        new()
        {
            Name = "lost-request",
            Title = "A lost Request",
            Summary = "A Request does not reach one member. Its Sequence shows that it exists.",
            Lesson =
                "A member that misses something asks for it; nobody confirms each message. One slow repair holds up "
                + "nobody else, as long as a majority is complete.",
            Beginning = FiveMembers + " The network will lose one datagram.",
            Members = 5,
            Script = script =>
            {
                script.LosesRequest(3, 2, to: 2);
                script.Submits(500, 3);
            },
            Told =
            [
                new(
                    "Member 3 sends Request (3,2) to all. The copy for member 2 is lost, and nobody notices.",
                    Until.Request(3, 2)
                ),
                new("Member 0 assigns number 10 and sends Sequence 10 to all.", Until.Sequence(10)),
                new(
                    "Sequence 10 names a Request that member 2 does not have. It waits for a moment, as reordering "
                        + "is no loss; then it asks the sender, member 3, with a Retransmit request.",
                    Until.SendsTo(2, 3, m => m.NamesMissing)
                ),
                new(
                    "Meanwhile the others need no help: members 0, 1 and 3 are a majority, and member 3 delivers.",
                    Until.Delivers(3, 10)
                ),
                new(
                    "Member 3 sends Request (3,2) again, to member 2 alone.",
                    Until.SendsTo(3, 2, m => m is { IsRequest: true, IsAgain: true })
                ),
                new("Member 2 holds everything up to 10. All deliver it.", Until.AllDeliver(10)),
                new("All hold it and know that: it is dropped.", Until.AllDrop(10)),
            ],
        },
        new()
        {
            Name = "lost-sequence",
            Title = "A lost Sequence",
            Summary = "A Sequence does not reach one member, which learns from the claims of others that it exists.",
            Lesson =
                "Claims make losses visible. A gap is asked for at the member that owns the number, and answered to "
                + "the asker alone.",
            Beginning = FiveMembers + " The network will lose one datagram.",
            Members = 5,
            Script = script =>
            {
                script.LosesSequence(10, to: 2);
                script.Submits(500, 3);
            },
            Told =
            [
                new("Member 3 sends Request (3,2) to all. Everybody gets it.", Until.Request(3, 2)),
                new(
                    "Member 0 assigns number 10. Sequence 10 is lost on its way to member 2, which holds a Request "
                        + "without a number.",
                    Until.Sequence(10)
                ),
                new(
                    "The others go on: member 3 hears that a majority holds number 10, and delivers it.",
                    Until.Delivers(3, 10)
                ),
                new("After 2 ms the claims go out. They say: there is a number 10.", Until.Claims(1)),
                new(
                    "Member 2 sees from them that it misses Sequence 10. Number 10 is member 0's, so it asks member "
                        + "0.",
                    Until.SendsTo(2, 0, m => m.NamesMissing)
                ),
                new(
                    "Member 0 sends Sequence 10 again, to member 2 alone.",
                    Until.SendsTo(0, 2, m => m is { IsSequence: true, IsAgain: true })
                ),
                new("Member 2 is complete, and delivers number 10 as the last.", Until.AllDeliver(10)),
                new("All hold it and know that: it is dropped.", Until.AllDrop(10)),
            ],
        },
        new()
        {
            Name = "tail-loss",
            Title = "Tail loss",
            Summary = "The last message is lost to everybody, and nothing follows that would show the gap.",
            Lesson =
                "What nobody has heard of nobody can ask for. So a sender that sees no claim to its message repeats "
                + "it to the next sequencer, and asks each member that seems to lag.",
            Beginning = FiveMembers + " The network will lose one Request entirely.",
            Members = 5,
            Script = script =>
            {
                script.LosesRequest(3, 2);
                script.Submits(500, 3);
            },
            Told =
            [
                new(
                    "Member 3 sends Request (3,2) to all, and all four copies are lost. The others cannot miss what "
                        + "they have never heard of.",
                    Until.Request(3, 2)
                ),
                new(
                    "Member 3 waits for its number. Everybody's next step hangs on member 0, which has the turn and "
                        + "claims nothing: so member 3 sends it the Request again, unasked.",
                    Until.SendsTo(3, 0, m => m is { IsRequest: true, IsAgain: true })
                ),
                new("Member 0 assigns number 10.", Until.Sequence(10)),
                new(
                    "Sequence 10 shows the others what they miss. They ask member 3.",
                    Until.Receives(3, m => m.NamesMissing)
                ),
                new("Member 3 answers each of them. All deliver.", Until.AllDeliver(10)),
                new("All hold it and know that: it is dropped.", Until.AllDrop(10)),
            ],
        },
        new()
        {
            Name = "slow",
            Title = "A slow member",
            Summary = "A member does nothing for a while. The group goes on until that member's turn comes.",
            Lesson =
                "This is the price of having no leader: every member must take its turn. A slow member holds up new "
                + "numbers, but never the order, and nothing is lost.",
            Beginning = FiveMembers,
            Members = 5,
            Script = script =>
            {
                script.Pauses(300, 2, 12_000);
                script.Submits(500, 3);
                script.Submits(700, 1);
                script.Submits(900, 4);
            },
            Told =
            [
                new("Member 2 stops working for 12 ms. What reaches it waits.", Until.Happens(2, Pauses)),
                new("Members 3, 1 and 4 send Requests.", Until.Request(4, 2)),
                new("Member 0 assigns number 10, as always.", Until.Sequence(10)),
                new("Member 1 assigns number 11. The next number, 12, belongs to member 2.", Until.Sequence(11)),
                new(
                    "A majority holds 10 and 11 without member 2, so the others deliver both.",
                    moment => moment.States.Count(state => state.Delivered >= 11) == 4
                ),
                new(
                    "The third Request must wait. It is held by everybody but has no number. The others remind "
                        + "member 2 now and then, with longer and longer pauses.",
                    Until.Happens(2, GoesOn)
                ),
                new("Member 2 goes on, reads all that has come, and assigns number 12 at once.", Until.Sequence(12)),
                new("Everybody delivers number 12.", Until.AllDeliver(12)),
                new("All hold everything and know that: it is dropped.", Until.AllDrop(12)),
            ],
        },
        new()
        {
            Name = "crash",
            Title = "A crash and the return",
            Summary = "A member is killed before its turn. It comes back with what is on its disk.",
            Lesson =
                "A member claims and sends only what is on its disk. So after kill −9 it goes on as if it had only "
                + "been slow: nothing that others counted on is gone.",
            Beginning = FiveMembers,
            Members = 5,
            Script = script =>
            {
                script.Submits(500, 3);
                script.Submits(900, 4);
                script.Dies(2_200, 1);
                script.Starts(13_000, 1);
            },
            Told =
            [
                new("Members 3 and 4 send a Request each.", Until.Request(4, 2)),
                new("Member 0 assigns number 10 to (3,2).", Until.Sequence(10)),
                new(
                    "Member 1 is killed. The Requests had reached it, but were not on its disk yet: they are gone "
                        + "with it. It had never claimed them.",
                    Until.Happens(1, Dies)
                ),
                new(
                    "Four members go on. Members 0, 2 and 3 are a majority: number 10 is delivered.",
                    moment => moment.States.Count(state => state.Delivered >= 10) == 4
                ),
                new(
                    "Number 11 belongs to member 1, so Request (4,2) waits. The others ask member 1 again and "
                        + "again, less and less often. It starts again, from its journal.",
                    Until.Happens(1, Starts)
                ),
                new(
                    "Member 1 asks the others how far they are. Member 0 repeats Sequence 10 to it, unasked, as "
                        + "everybody waits for its turn. It asks members 3 and 4 for the Requests that it misses.",
                    Until.SendsTo(1, 4, m => m.NamesMissing)
                ),
                new("Now it holds everything up to 10, and takes its turn: number 11.", Until.Sequence(11)),
                new("All deliver number 11.", Until.AllDeliver(11)),
                new("All hold everything and know that: it is dropped.", Until.AllDrop(11)),
            ],
        },
        new()
        {
            Name = "read",
            Title = "A read",
            Summary = "A client was told that its request is done. A read at another member must see it.",
            Lesson =
                "A read orders nothing. A majority says how far it holds everything; the reader waits until it has "
                + "delivered that much. Any two majorities share a member, so no finished write is missed.",
            Beginning = FiveMembers + " The network will lose one datagram.",
            Members = 5,
            Script = script =>
            {
                script.LosesSequence(10, to: 4);
                script.Submits(500, 3);
                script.Reads(3_700, 4);
            },
            Told =
            [
                new("Member 3 sends Request (3,2) to all.", Until.Request(3, 2)),
                new("Member 0 assigns number 10. Its Sequence does not reach member 4.", Until.Sequence(10)),
                new("Member 3 delivers number 10. Its client hears: done.", Until.Delivers(3, 10)),
                new(
                    "Now a client wants to read at member 4, which knows of no number 10. Its own state is too old, "
                        + "and it cannot know. So it asks all: how far do you hold everything?",
                    Until.Happens(4, BeginsToRead)
                ),
                new(
                    "The answers come. Two of them and member 4 itself are a majority. The highest says: up to 10. "
                        + "So the read waits for number 10.",
                    Until.Receives(4, m => m.Answers)
                ),
                new(
                    "The answers also show member 4 that it misses Sequence 10. It asks member 0.",
                    Until.SendsTo(4, 0, m => m.NamesMissing)
                ),
                new(
                    "Number 10 is delivered at member 4: now the read may use its state.",
                    Until.Happens(4, MemberEvent.Reads)
                ),
                new("Nothing was ordered for the read. The group falls silent again.", Until.AllDrop(10)),
            ],
        },
    ];

    /// <summary>A group, its network and its faults, all drawn from a seed.</summary>
    public static Scenario OfSeed { get; } =
        new()
        {
            Name = PlayAddress.SeedScenario,
            Title = "A seed of the simulation",
            Summary =
                "A seed decides everything: group, network, disks, faults, load. The tests run thousands of them.",
            Lesson = "The same seed always gives the same run. Change it, and everything is different.",
            Beginning = "Nothing runs yet.",
        };

    /// <summary>The scenario of this name, if there is one.</summary>
    public static Scenario? Find(string name) =>
        name == PlayAddress.SeedScenario ? OfSeed : All.FirstOrDefault(scenario => scenario.Name == name);
}
