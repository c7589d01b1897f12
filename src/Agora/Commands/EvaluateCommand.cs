using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Evaluation;
using Agora.Launcher;
using Spectre.Console;

namespace Agora.Commands;

/// <summary><c>agora evaluate</c>: measures a marketplace that is up, or one of its own.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        Option<string?> data = new("--data")
        {
            Description = "Measure the marketplace that is up on this data directory, where nobody else should trade meanwhile; without it one of its own is started, on free ports, in a temporary directory",
            HelpName = "DIR",
        };
        Option<string?> cluster = SharedOptions.Cluster();
        cluster.Description = "The cluster file whose engines, numbers of replicas and settings the own marketplace has; without it those of the built-in default";
        Option<int?> replicas = new("--replicas") { Description = "Give the own marketplace only the first N of each; 1 is the unreplicated system, to compare with", HelpName = "N" };
        Option<int[]> scale = Numbers("--scale", "1,10,100", [1]);
        scale.Description = "Sellers, and as many buyers, at once; several are measured one after the other";
        Option<int?> sellers = new("--sellers") { Description = "Sellers at once, where not as many as buyers", HelpName = "S" };
        Option<int?> buyers = new("--buyers") { Description = "Buyers at once, where not as many as sellers", HelpName = "B" };
        Option<int[]> conditions = Numbers("--conditions", "1,2,3,4,5,6", [1, 2, 3, 4, 5]);
        conditions.Description = "1 all replicas run; killed in the middle of the run: 2 a seller server and a buyer server in use, 3 a products replica that does not lead, 4 the products leader, 5 a customers replica; 6 the network loses 1%, and then 5%, of everything, and delays it by 10 ms (measured on a marketplace in the lab, and what its relays themselves cost)";
        Option<int[]> runs = Numbers("--runs", "N", [10]);
        runs.Description = "Runs of each condition; several numbers, with commas, are those of each scale";
        Option<int[]> calls = Numbers("--calls", "N", [1000]);
        calls.Description = "Functions that each client calls in a run; several numbers, with commas, are those of each scale";
        Option<bool> quick = new("--quick") { Description = "About two minutes: one run of each of the first five conditions, at 1 + 1 and 10 + 10 clients, of 500 and 100 calls a client" };
        Option<double?> rate = new("--rate") { Description = "Calls a second of all clients together, each timed from when it was due; without it a client calls again as soon as it has its answer", HelpName = "R" };
        Option<long> seed = new("--seed") { Description = "Decides which functions are called, with what, in which order", HelpName = "N", DefaultValueFactory = _ => 1 };
        Option<string> output = new("--out", "-o", "--output") { Description = "Where report.md, report.json and the plots go", HelpName = "DIR", DefaultValueFactory = _ => "evaluation-report" };
        Option<string?> baseline = new("--baseline") { Description = "The report.json of an earlier evaluation, to compare with function by function", HelpName = "FILE" };
        Command command = new("evaluate", "Measure what users feel: response times of every function, at several scales and while processes are killed; audit the books after every run")
        {
            scale, sellers, buyers, conditions, runs, calls, quick, rate, seed, replicas, baseline, output, data, cluster,
        };
        command.SetAction(async (parse, _) =>
        {
            // What is under way is given up at the first signal, and everything is stopped in order; at the second this process ends at once,
            // and its own marketplace ends by itself.
            using StopSignals signals = new();
            signals.Second.GetAwaiter().OnCompleted(() => Environment.Exit(130));
            CancellationToken cancellationToken = signals.Token;
            bool isQuick = parse.GetValue(quick);
            bool Given(Option option) => parse.GetResult(option) is { Implicit: false };
            EvaluationOptions options = new()
            {
                Scales = Given(sellers) || Given(buyers) ? [new Scale(parse.GetValue(sellers) ?? 0, parse.GetValue(buyers) ?? 0)]
                    : isQuick && !Given(scale) ? [new Scale(1, 1), new Scale(10, 10)]
                    : [.. parse.GetValue(scale)!.Select(n => new Scale(n, n))],
                // Without replicas every kill would be an outage.
                Conditions = parse.GetValue(replicas) == 1 && !Given(conditions) ? [1] : parse.GetValue(conditions)!,
                Runs = isQuick && !Given(runs) ? [1] : parse.GetValue(runs)!,
                Calls = !isQuick || Given(calls) ? parse.GetValue(calls)! : Given(scale) || Given(sellers) || Given(buyers) ? [100] : [500, 100],
                FirstCalls = isQuick ? 0 : 60_000,
                WarmUpCalls = isQuick ? 200 : 2000,
                Rate = parse.GetValue(rate),
                Seed = parse.GetValue(seed),
            };
            try
            {
                EvaluationReport? before = parse.GetValue(baseline) is { } file ? Report.Read(file) : null;
                string directory = Path.GetFullPath(parse.GetValue(output)!);
                void Save(EvaluationReport report) => Report.Write(directory, report, before);
                if (parse.GetValue(data) is { } up)
                {
                    using ControlledMarketplace marketplace = new(new DataDirectory(up));
                    return await RunAsync(marketplace, options, Save, cancellationToken);
                }
                ClusterFile shape = UpCommand.Limit(ClusterFile.Resolve(parse.GetValue(cluster)), parse.GetValue(replicas));
                Check(shape, options, lab: true);
                shape = shape with { Payments = shape.Payments with { Seed = shape.Payments.Seed ?? (int)options.Seed } };
                return await RunOnOwnAsync(shape, options, Save, cancellationToken);
            }
            catch (Exception e) when (e is EvaluationException or IOException or UnauthorizedAccessException)
            {
                throw new CommandFailedException(e.Message, e);
            }
        });
        return command.WithExamples(
            "agora evaluate                               one seller and one buyer, all conditions, ten runs of each",
            "agora evaluate --scale 1,10,100 --out full   the full report: some hours",
            "agora evaluate --quick                       two minutes",
            "agora evaluate --replicas 1 --out one        the unreplicated system, and then what replication costs:",
            "agora evaluate --conditions 1 --baseline one/report.json",
            "agora evaluate --data .agora --conditions 4  on the marketplace that 'agora up' has started");
    }

    private static async Task<int> RunAsync(ControlledMarketplace marketplace, EvaluationOptions options, Action<EvaluationReport> save, CancellationToken cancellationToken)
    {
        Check(marketplace.File, options, marketplace.HasLab);
        return Conclude(await MeasureAsync(marketplace, options, save, cancellationToken));
    }

    /// <summary>Measures on marketplaces of its own. What needs the lab has one in it, so that its relays are in the way of nothing else.</summary>
    private static async Task<int> RunOnOwnAsync(ClusterFile shape, EvaluationOptions options, Action<EvaluationReport> save, CancellationToken cancellationToken)
    {
        EvaluationReport? report = null;
        foreach (IGrouping<bool, int> conditions in options.Conditions.Order().GroupBy(EvaluationOptions.NeedsLab))
        {
            await using OwnMarketplace own = new(shape, conditions.Key ? (ulong)options.Seed : null);
            await own.StartAsync(cancellationToken);
            using ControlledMarketplace marketplace = new(own.Data);
            EvaluationReport? before = report;
            try
            {
                report = await MeasureAsync(
                    marketplace, options with { Conditions = [.. conditions] }, so => save(before?.With(so) ?? so), cancellationToken);
                own.Stays = !report.BooksBalance;
            }
            catch (EvaluationException)
            {
                own.Stays = true;
                throw;
            }
            finally
            {
                if (own.Stays)
                {
                    Console.Error.WriteLine($"{LogFiles.ComplaintPrefix}data and logs of the marketplace are kept in {own.Data.Root}");
                }
            }
            report = before?.With(report) ?? report;
        }
        return Conclude(report!);
    }

    private static Task<EvaluationReport> MeasureAsync(
        ControlledMarketplace marketplace, EvaluationOptions options, Action<EvaluationReport> save, CancellationToken cancellationToken)
    {
        string command = "agora " + string.Join(' ', Environment.GetCommandLineArgs().Skip(1).Select(word => word.Contains(' ', StringComparison.Ordinal) ? $"'{word}'" : word));
        return new Evaluator(marketplace, new Screen(), options).RunAsync(command, save, cancellationToken);
    }

    private static int Conclude(EvaluationReport report)
    {
        foreach (ScaleResult scale in report.Scales)
        {
            Console.WriteLine($"\n{scale.Sellers} + {scale.Buyers} clients, mean response time in ms\n");
            Console.Write(Report.Summary(scale));
        }
        Console.WriteLine();
        if (!report.BooksBalance)
        {
            Console.Error.WriteLine(LogFiles.ComplaintPrefix + "the books do not balance");
        }
        return report.BooksBalance ? 0 : 1;
    }

    private static void Check(ClusterFile cluster, EvaluationOptions options, bool lab)
    {
        bool alone = cluster.Processes().Where(p => p.Component is not (Components.Web or Components.Payments)).GroupBy(p => p.Component).Any(g => g.Count() == 1);
        string[] problems = [.. options.Problems(alone, lab)];
        if (problems.Length > 0)
        {
            throw new CommandFailedException(string.Join(Environment.NewLine, problems));
        }
    }

    private static Option<int[]> Numbers(string name, string example, int[] usual) => new(name)
    {
        HelpName = example,
        DefaultValueFactory = _ => usual,
        CustomParser = Numbers,
    };

    private static int[] Numbers(ArgumentResult result)
    {
        List<int> numbers = [];
        foreach (string part in result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            if (int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
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

    /// <summary>Moving on a terminal, lines elsewhere.</summary>
    private sealed class Screen : IScreen
    {
        private readonly bool _live = AnsiConsole.Profile.Capabilities.Interactive && !Console.IsOutputRedirected;

        public void Say(string line) => Console.WriteLine(line);

        public async Task ShowAsync(string title, Func<double> done, Task work)
        {
            if (!_live)
            {
                await work;
                return;
            }
            await AnsiConsole.Progress().AutoClear(true).StartAsync(async progress =>
            {
                ProgressTask task = progress.AddTask(Markup.Escape(title), maxValue: 1);
                while (await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(250))) != work)
                {
                    task.Value = done();
                }
            });
            await work;
        }
    }
}
