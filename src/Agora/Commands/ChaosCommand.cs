using System.CommandLine;
using System.Globalization;
using Agora.Chaos;
using Agora.Cluster;
using Agora.Evaluation;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora chaos</c>: breaks a temporary marketplace in every way that the promises allow, or in more ways, and checks
/// every answer.
/// </summary>
internal static class ChaosCommand
{
    public static Command Create()
    {
        ChaosCommandOptions options = new();
        var command = options.AddTo(
            new(
                "chaos",
                "Break a temporary marketplace again and again while clients trade, "
                    + "check every answer against a model, and audit the books"
            )
        );
        command.SetAction(
            async (parse, _) =>
            {
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
            "agora chaos                                five minutes of faults that users may notice only as a pause",
            "agora chaos --minutes 60 --seed 7          an hour of them",
            "agora chaos --beyond --seed 7              majorities, whole components, long outages",
            "agora chaos --faults disk,kill             lost, damaged, old and mixed up disks, and kills",
            "agora chaos --seed 7 --plan                the faults of this seed, and their times",
            "agora chaos --seed 7 --data /tmp/chaos     keep data and logs, whatever the result"
        );
    }

    private static async Task<int> RunAsync(
        ChaosCommandOptions given,
        ParseResult parse,
        CancellationToken cancellationToken
    )
    {
        var options = given.Read(parse);
        if (options.Problems().ToArray() is { Length: > 0 } problems)
        {
            throw new CommandFailedException(string.Join(Environment.NewLine, problems));
        }

        var shape = ClusterFile.Resolve(parse.GetValue(given.Cluster));
        if (parse.GetValue(given.Plan))
        {
            foreach (var line in ChaosRun.Timeline(options, shape))
            {
                Console.WriteLine(line);
            }

            return 0;
        }

        var screen = parse.GetValue(given.Json) ? Console.Error : Console.Out;
        var report = await BreakAsync(
            options,
            shape,
            parse.GetValue(given.Data),
            Path.GetFullPath(parse.GetValue(given.Output)!),
            screen,
            cancellationToken
        );
        screen.WriteLine();
        screen.Write(report.Summary());
        if (parse.GetValue(given.Json))
        {
            Console.Write(report.ToJson());
        }

        return report.IsGood ? 0 : 1;
    }

    private static async Task<ChaosReport> BreakAsync(
        ChaosOptions options,
        ClusterFile shape,
        string? data,
        string output,
        TextWriter screen,
        CancellationToken cancellationToken
    )
    {
        void Say(string line) =>
            screen.WriteLine($"{DateTimeOffset.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {line}");
        await using TemporaryMarketplace temporary = new(
            shape with
            {
                Payments = shape.Payments with { Seed = shape.Payments.Seed ?? (int)options.Seed },
            },
            (ulong)options.Seed,
            data,
            Say
        );
        await temporary.StartAsync(cancellationToken);
        using ControlledMarketplace controlled = new(temporary.Data);
        var report = await new ChaosRun(controlled, options, Say, TimeProvider.System).RunAsync(
            CommandOf(options),
            r => r.Write(output),
            cancellationToken
        );
        Say($"the report is in {output}");
        if (!report.IsGood)
        {
            temporary.IsKept = true;
            Say($"data and logs of the marketplace are kept in {temporary.Data.Root}");
        }

        return report;
    }

    private static string CommandOf(ChaosOptions options) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"agora chaos --minutes {options.Length.TotalMinutes:0.####} --seed {options.Seed}"
                + $"{(options.Beyond ? " --beyond" : "")}"
                + $"{(options.Faults.Count > 0 ? $" --faults {string.Join(',', options.Faults)}" : "")}"
                + $" --sellers {options.Sellers} --buyers {options.Buyers}"
        );
}
