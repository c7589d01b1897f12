using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Agora.Evaluation;

namespace Agora.Commands;

/// <summary>The options of <c>agora evaluate</c>.</summary>
internal sealed class EvaluateCommandOptions
{
    private readonly Option<int[]> _scale = IntegerList(
        "--scale",
        "1,10,100",
        [1],
        "Sellers, and as many buyers, at once; several scales are measured one after the other"
    );
    private readonly Option<int?> _sellers = new("--sellers")
    {
        Description = "Sellers at once, if not as many as buyers",
        HelpName = "S",
    };
    private readonly Option<int?> _buyers = new("--buyers")
    {
        Description = "Buyers at once, if not as many as sellers",
        HelpName = "B",
    };
    private readonly Option<int[]> _conditions = IntegerList(
        "--conditions",
        "1,2,3,4,5,6",
        [1, 2, 3, 4, 5],
        "1 all replicas run; killed in the middle of the run: 2 a seller server and a buyer server in use, "
            + "3 a products replica that does not lead, 4 the products leader, 5 a customers replica; "
            + "6 the network loses 1%, and then 5%, of everything, and delays it by 10 ms (measured on a marketplace "
            + "in the lab, with the cost of its relays alone)"
    );
    private readonly Option<int[]> _runs = IntegerList(
        "--runs",
        "N",
        [10],
        "Runs of each condition; several numbers, with commas, are those of each scale"
    );
    private readonly Option<int[]> _calls = IntegerList(
        "--calls",
        "N",
        [1000],
        "Functions that each client calls in a run; several numbers, with commas, are those of each scale"
    );
    private readonly Option<bool> _quick = new("--quick")
    {
        Description =
            "About two minutes: one run of each of the first five conditions, at 1 + 1 and 10 + 10 clients, "
            + "of 500 and 100 calls a client",
    };
    private readonly Option<double?> _rate = new("--rate")
    {
        Description =
            "Calls a second of all clients together, each timed from when it was due; "
            + "without it a client calls again as soon as it has its answer",
        HelpName = "R",
    };
    private readonly Option<long> _seed = new("--seed")
    {
        Description = "Decides which functions are called, with what, in which order",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    public Option<int?> Replicas { get; } =
        new("--replicas")
        {
            Description =
                "Start only the first N of each in the temporary marketplace; "
                + "1 is the unreplicated system, for comparison",
            HelpName = "N",
        };

    public Option<string?> Baseline { get; } =
        new("--baseline")
        {
            Description = "The report.json of an earlier evaluation, to compare with function by function",
            HelpName = "FILE",
        };

    public Option<string> Output { get; } =
        new("--out", "-o", "--output")
        {
            Description = "The directory for report.md, report.json and the plots",
            HelpName = "DIR",
            DefaultValueFactory = _ => "evaluation-report",
        };

    public Option<string?> Data { get; } =
        new("--data")
        {
            Description =
                "Measure the marketplace that is up on this data directory; no other clients should use it meanwhile. "
                + "Without it a temporary marketplace is started, on free ports, in a temporary directory",
            HelpName = "DIR",
        };

    public Option<bool> Running { get; } =
        new("--running")
        {
            Description =
                "Measure the marketplace of the cluster file, which runs already, on any hosts; "
                + "no other clients should use it meanwhile. Needs the operator's keys",
        };

    public Option<string?> Kill { get; } =
        new("--kill")
        {
            Description =
                "With --running: the shell command that kills a process, which then stays dead; $HOST, $COMPONENT and "
                + "$REPLICA say which. For the conditions in which something is killed",
            HelpName = "COMMAND",
        };

    public Option<string?> Start { get; } =
        new("--start") { Description = "With --running: the shell command that starts it again", HelpName = "COMMAND" };

    public Option<string?> Cluster { get; } = SharedOptions.ShapeOfTemporaryMarketplace();

    public Option<string?> Secrets { get; } = SharedOptions.Secrets();

    public Command AddTo(Command command)
    {
        Option[] options =
        [
            _scale,
            _sellers,
            _buyers,
            _conditions,
            _runs,
            _calls,
            _quick,
            _rate,
            _seed,
            Replicas,
            Baseline,
            Output,
            Data,
            Running,
            Kill,
            Start,
            Cluster,
            Secrets,
        ];
        Array.ForEach(options, command.Add);
        command.Validators.Add(RefuseWhatDoesNotGoTogether);
        return command;
    }

    public EvaluationOptions Read(ParseResult parse)
    {
        var isQuick = parse.GetValue(_quick);
        return new()
        {
            Scales = Scales(parse, isQuick),
            // Without replicas every kill would be an outage. On hosts, nothing is killed without being told how.
            Conditions =
                !IsGiven(parse, _conditions)
                && (parse.GetValue(Replicas) == 1 || (parse.GetValue(Running) && parse.GetValue(Kill) is null))
                    ? [1]
                    : parse.GetValue(_conditions)!,
            Runs = isQuick && !IsGiven(parse, _runs) ? [1] : parse.GetValue(_runs)!,
            Calls =
                !isQuick || IsGiven(parse, _calls) ? parse.GetValue(_calls)!
                : IsGiven(parse, _scale) || HasOwnNumbers(parse) ? [100]
                : [500, 100],
            FirstCalls = isQuick ? 0 : 60_000,
            WarmUpCalls = isQuick ? 200 : 2000,
            Rate = parse.GetValue(_rate),
            Seed = parse.GetValue(_seed),
        };
    }

    private void RefuseWhatDoesNotGoTogether(CommandResult result)
    {
        if (result.GetValue(Running) && (result.GetValue(Data) is not null || result.GetValue(Replicas) is not null))
        {
            result.AddError("--running measures what runs on hosts: leave out --data and --replicas.");
        }

        if ((result.GetValue(Kill) is null) != (result.GetValue(Start) is null))
        {
            result.AddError("--kill and --start belong together: what is killed is started again.");
        }

        if (!result.GetValue(Running) && (IsGiven(result, Kill) || IsGiven(result, Secrets)))
        {
            result.AddError("--kill, --start and --secrets belong to --running.");
        }
    }

    private Scale[] Scales(ParseResult parse, bool isQuick) =>
        HasOwnNumbers(parse) ? [new Scale(parse.GetValue(_sellers) ?? 0, parse.GetValue(_buyers) ?? 0)]
        : isQuick && !IsGiven(parse, _scale) ? [new Scale(1, 1), new Scale(10, 10)]
        : [.. parse.GetValue(_scale)!.Select(n => new Scale(n, n))];

    private bool HasOwnNumbers(ParseResult parse) => IsGiven(parse, _sellers) || IsGiven(parse, _buyers);

    private static bool IsGiven(SymbolResult result, Option option) => result.GetResult(option) is { Implicit: false };

    private static bool IsGiven(ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };

    private static Option<int[]> IntegerList(string name, string example, int[] usual, string description) =>
        new(name)
        {
            Description = description,
            HelpName = example,
            DefaultValueFactory = _ => usual,
            CustomParser = ParseIntegers,
        };

    private static int[] ParseIntegers(ArgumentResult result)
    {
        List<int> numbers = [];
        foreach (
            var part in result.Tokens.SelectMany(t =>
                t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            )
        )
        {
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                numbers.Add(number);
            }
            else
            {
                result.AddError($"'{part}' is no number.");
            }
        }

        return [.. numbers];
    }
}
