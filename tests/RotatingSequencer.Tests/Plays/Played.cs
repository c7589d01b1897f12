using RotatingSequencer.Simulation;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Tests.Plays;

/// <summary>Plays, and what happened in them, for tests.</summary>
internal static class Played
{
    public static IReadOnlyList<Scenario> All => Simulation.Plays.Scenarios.All;

    public static TheoryData<string> Names => [.. All.Select(scenario => scenario.Name)];

    public static Play Told(string name, params Intervention[] interventions) =>
        Play.Of(new PlayAddress { Scenario = name, Interventions = interventions })!;

    public static Play Seed(int seed, params Intervention[] interventions) =>
        Play.Of(
            new PlayAddress
            {
                Scenario = PlayAddress.SeedScenario,
                Seed = seed,
                Interventions = interventions,
            }
        )!;

    /// <summary>The datagrams up to the last step.</summary>
    public static IEnumerable<SentDatagram> Datagrams(this Play play) =>
        play.Recording.Datagrams.Where(datagram => datagram.Moment.Index <= play.Steps[^1].End);

    public static IEnumerable<Moment> Moments(this Play play) => play.Recording.Moments.Take(play.Steps[^1].End + 1);

    /// <summary>What each member delivered, in order.</summary>
    public static string[] Deliveries(this Play play) =>
        [
            .. Enumerable
                .Range(0, play.Members)
                .Select(member =>
                    string.Join(
                        ' ',
                        play.Recording.Moments.Where(moment => moment.Member == member)
                            .SelectMany(moment => moment.Delivered)
                            .Select(delivered => $"{delivered.Number}={delivered.Id}")
                    )
                ),
        ];

    public static Moment First(this Play play, Func<Moment, bool> isIt) => play.Recording.Moments.First(isIt);
}
