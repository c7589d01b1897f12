using System.CommandLine;
using Agora.Cluster;
using Agora.Evaluation;
using Agora.Launcher;
using Spectre.Console;

namespace Agora.Commands;

/// <summary><c>agora evaluate</c>: measures a marketplace that is up, or one of its temporary.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        EvaluateCommandOptions options = new();
        var command = options.AddTo(
            new(
                "evaluate",
                "Measure what users feel: response times of every function, at several scales and while processes are "
                    + "killed; audit the books after every run"
            )
        );
        command.SetAction(
            async (parse, _) =>
            {
                // The first signal stops the evaluation in order. The second ends this process at once, and the
                // processes of a temporary marketplace then end as well.
                using StopSignals signals = new();
                signals.Second.GetAwaiter().OnCompleted(() => Environment.Exit(130));
                try
                {
                    return await RunAsync(options, parse, signals.Token);
                }
                catch (Exception e) when (e is EvaluationException or IOException or UnauthorizedAccessException)
                {
                    throw new CommandFailedException(e.Message, e);
                }
            }
        );
        return command.WithExamples(
            "agora evaluate                               one seller and one buyer, all conditions, ten runs of each",
            "agora evaluate --scale 1,10,100 --out full   the full report: some hours",
            "agora evaluate --quick                       two minutes",
            "agora evaluate --replicas 1 --out one        the unreplicated system, and then what replication costs:",
            "agora evaluate --conditions 1 --baseline one/report.json",
            "agora evaluate --data .agora --conditions 4  on the marketplace that 'agora up' has started",
            "agora evaluate --running --cluster cluster.json   on hosts, from outside: docs/operations.md"
        );
    }

    private static async Task<int> RunAsync(
        EvaluateCommandOptions given,
        ParseResult parse,
        CancellationToken cancellationToken
    )
    {
        var options = given.Read(parse);
        var before = parse.GetValue(given.Baseline) is { } file ? Report.Read(file) : null;
        var directory = Path.GetFullPath(parse.GetValue(given.Output)!);
        void Save(EvaluationReport report) => Report.Write(directory, report, before);
        if (parse.GetValue(given.Data) is { } data)
        {
            using ControlledMarketplace marketplace = new(new DataDirectory(data));
            return await RunOnExistingAsync(marketplace, options, Save, cancellationToken);
        }

        if (parse.GetValue(given.Running))
        {
            var (kill, start) = (parse.GetValue(given.Kill), parse.GetValue(given.Start));
            if (kill is null && options.KillsSomething())
            {
                throw new CommandFailedException(
                    "conditions 2 to 5 kill processes on their hosts: --kill and --start say how"
                );
            }

            using MarketplaceOnHosts marketplace = new(
                OperatedCluster.Find(
                    DataDirectory.DefaultName,
                    parse.GetValue(given.Cluster),
                    parse.GetValue(given.Secrets)
                ),
                kill,
                start
            );
            return await RunOnExistingAsync(marketplace, options, Save, cancellationToken);
        }

        var shape = UpCommand.Limit(ClusterFile.Resolve(parse.GetValue(given.Cluster)), parse.GetValue(given.Replicas));
        Check(shape, options, lab: true);
        shape = shape with { Payments = shape.Payments with { Seed = shape.Payments.Seed ?? (int)options.Seed } };
        return await RunOnTemporaryAsync(shape, options, Save, cancellationToken);
    }

    private static async Task<int> RunOnExistingAsync(
        IMarketplace marketplace,
        EvaluationOptions options,
        Action<EvaluationReport> save,
        CancellationToken cancellationToken
    )
    {
        Check(marketplace.File, options, marketplace.HasLab);
        return PrintSummary(await MeasureAsync(marketplace, options, save, cancellationToken));
    }

    /// <summary>
    /// Measures temporary marketplaces. Conditions that need the lab get a marketplace in it; the relays slow down no
    /// other condition.
    /// </summary>
    private static async Task<int> RunOnTemporaryAsync(
        ClusterFile shape,
        EvaluationOptions options,
        Action<EvaluationReport> save,
        CancellationToken cancellationToken
    )
    {
        EvaluationReport? report = null;
        foreach (var conditions in options.Conditions.Order().GroupBy(EvaluationOptions.NeedsLab))
        {
            await using TemporaryMarketplace temporary = new(shape, conditions.Key ? (ulong)options.Seed : null);
            await temporary.StartAsync(cancellationToken);
            using ControlledMarketplace marketplace = new(temporary.Data);
            var before = report;
            try
            {
                report = await MeasureAsync(
                    marketplace,
                    options with
                    {
                        Conditions = [.. conditions],
                    },
                    partial => save(before?.With(partial) ?? partial),
                    cancellationToken
                );
                temporary.IsKept = !report.BooksBalance;
            }
            catch (EvaluationException)
            {
                temporary.IsKept = true;
                throw;
            }
            finally
            {
                if (temporary.IsKept)
                {
                    Console.Error.WriteLine(
                        $"{LogFiles.ErrorPrefix}data and logs of the marketplace are kept in {temporary.Data.Root}"
                    );
                }
            }

            report = before?.With(report) ?? report;
        }

        return PrintSummary(report!);
    }

    private static Task<EvaluationReport> MeasureAsync(
        IMarketplace marketplace,
        EvaluationOptions options,
        Action<EvaluationReport> save,
        CancellationToken cancellationToken
    )
    {
        var command =
            "agora "
            + string.Join(
                ' ',
                Environment
                    .GetCommandLineArgs()
                    .Skip(1)
                    .Select(word => word.Contains(' ', StringComparison.Ordinal) ? $"'{word}'" : word)
            );
        return new Evaluator(marketplace, new Screen(), options, TimeProvider.System).RunAsync(
            command,
            save,
            cancellationToken
        );
    }

    private static int PrintSummary(EvaluationReport report)
    {
        foreach (var scale in report.Scales)
        {
            Console.WriteLine($"\n{scale.Sellers} + {scale.Buyers} clients, mean response time in ms\n");
            Console.Write(Report.Summary(scale));
        }

        Console.WriteLine();
        if (!report.BooksBalance)
        {
            Console.Error.WriteLine(LogFiles.ErrorPrefix + "the books do not balance");
        }

        return report.BooksBalance ? 0 : 1;
    }

    private static void Check(ClusterFile cluster, EvaluationOptions options, bool lab)
    {
        var alone = cluster
            .Processes()
            .Where(p => p.Component is not (Components.Web or Components.Payments))
            .GroupBy(p => p.Component)
            .Any(g => g.Count() == 1);
        string[] problems = [.. options.Problems(alone, lab)];
        if (problems.Length > 0)
        {
            throw new CommandFailedException(string.Join(Environment.NewLine, problems));
        }
    }

    /// <summary>Shows a moving bar on a terminal, plain lines elsewhere.</summary>
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

            await AnsiConsole
                .Progress()
                .AutoClear(true)
                .StartAsync(async progress =>
                {
                    var task = progress.AddTask(Markup.Escape(title), maxValue: 1);
                    while (await Task.WhenAny(work, Task.Delay(TimeSpan.FromMilliseconds(250))) != work)
                    {
                        task.Value = done();
                    }
                });
            await work;
        }
    }
}
