using System.CommandLine;
using Agora.Chaos;

namespace Agora.Commands;

/// <summary>The options of <c>agora chaos</c>.</summary>
internal sealed class ChaosCommandOptions
{
    private readonly Option<double> _minutes = new("--minutes")
    {
        Description = "How long to trade under faults; the audits, one every five minutes, take extra time",
        HelpName = "N",
        DefaultValueFactory = _ => 5,
    };
    private readonly Option<long> _seed = new("--seed")
    {
        Description = "Decides the faults, and what clients call",
        HelpName = "S",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<bool> _beyond = new("--beyond")
    {
        Description =
            "Faults beyond the promises: majorities, whole components, long outages. Calls may fail then, "
            + "but nothing may be wrong. Without it faults stay within the promises, and no call may fail "
            + "except MakePurchase while the payment service is down: any other call that gets no answer "
            + "within 45 s counts as an error",
    };
    private readonly Option<string?> _faults = new("--faults")
    {
        Description =
            $"Only these kinds of faults, with commas between: {string.Join(", ", ChaosOptions.KindNames)}; "
            + "without it all",
        HelpName = "KINDS",
    };
    private readonly Option<int> _sellers = new("--sellers")
    {
        Description = "Sellers at once",
        HelpName = "N",
        DefaultValueFactory = _ => new ChaosOptions().Sellers,
    };
    private readonly Option<int> _buyers = new("--buyers")
    {
        Description = "Buyers at once",
        HelpName = "N",
        DefaultValueFactory = _ => new ChaosOptions().Buyers,
    };

    public Option<string?> Cluster { get; } = SharedOptions.ShapeOfTemporaryMarketplace();

    public Option<string?> Data { get; } =
        new("--data")
        {
            Description =
                "The directory for the marketplace's data and logs, which are kept; "
                + "without it a temporary directory, which is kept only if something was wrong",
            HelpName = "DIR",
        };

    public Option<string> Output { get; } =
        new("--out", "-o", "--output")
        {
            Description = "The directory for report.md and report.json",
            HelpName = "DIR",
            DefaultValueFactory = _ => "chaos-report",
        };

    public Option<bool> Plan { get; } =
        new("--plan") { Description = "Only print the faults of this seed, and their times" };

    public Option<bool> Json { get; } =
        new("--json") { Description = "Print the report as JSON at the end; progress goes to standard error" };

    public Command AddTo(Command command)
    {
        Option[] options = [_minutes, _seed, _beyond, _faults, _sellers, _buyers, Cluster, Data, Output, Plan, Json];
        Array.ForEach(options, command.Add);
        return command;
    }

    public ChaosOptions Read(ParseResult parse) =>
        new()
        {
            Length = TimeSpan.FromMinutes(parse.GetValue(_minutes)),
            Seed = parse.GetValue(_seed),
            Beyond = parse.GetValue(_beyond),
            Faults =
                parse
                    .GetValue(_faults)
                    ?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                ?? [],
            Sellers = parse.GetValue(_sellers),
            Buyers = parse.GetValue(_buyers),
        };
}
