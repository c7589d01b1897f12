using System.CommandLine;
using System.Globalization;
using Agora.Contracts.Cluster;
using Agora.Evaluation;
using Agora.Evaluation.Chaos;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary><c>agora chaos</c>: breaks a marketplace of its own in every way that is promised to be borne, or in more, and checks every answer.</summary>
internal static class ChaosCommand
{
    public static Command Create()
    {
        Option<double> minutes = new("--minutes") { Description = "How long is traded under faults; the audits, one every five minutes, come on top", HelpName = "N", DefaultValueFactory = _ => 5 };
        Option<long> seed = new("--seed") { Description = "Decides the faults, and what clients call", HelpName = "S", DefaultValueFactory = _ => 1 };
        Option<bool> beyond = new("--beyond")
        {
            Description = "Faults beyond what is promised: majorities, whole components, long. Calls may fail then, and still nothing may be wrong. Without it faults stay within the "
                + "promises, and no call may fail but MakePurchase while the payment service is away: any other that is not answered within 45 s is a fault found",
        };
        Option<int> sellers = new("--sellers") { Description = "Sellers at once", HelpName = "N", DefaultValueFactory = _ => new ChaosOptions().Sellers };
        Option<int> buyers = new("--buyers") { Description = "Buyers at once", HelpName = "N", DefaultValueFactory = _ => new ChaosOptions().Buyers };
        Option<string?> cluster = SharedOptions.Cluster();
        cluster.Description = "The cluster file whose engines, numbers of replicas and settings the marketplace has; without it those of the built-in default";
        Option<string?> data = new("--data") { Description = "Where the marketplace keeps its data and logs, which stay; without it in a temporary directory, which stays only if something was wrong", HelpName = "DIR" };
        Option<string> output = new("--out", "-o", "--output") { Description = "Where report.md and report.json go", HelpName = "DIR", DefaultValueFactory = _ => "chaos-report" };
        Option<bool> plan = new("--plan") { Description = "Only print the faults that this seed means, and when" };
        Option<bool> json = new("--json") { Description = "Print the report as JSON at the end; what happens meanwhile goes to standard error" };
        Command command = new("chaos", "Break a marketplace of its own again and again while it is traded on, check every answer against a model, and audit the books")
        {
            minutes, seed, beyond, sellers, buyers, cluster, data, output, plan, json,
        };
        command.SetAction(async (parse, _) =>
        {
            using StopSignals signals = new();
            signals.Second.GetAwaiter().OnCompleted(() => Environment.Exit(130));
            ChaosOptions options = new()
            {
                Length = TimeSpan.FromMinutes(parse.GetValue(minutes)),
                Seed = parse.GetValue(seed),
                Beyond = parse.GetValue(beyond),
                Sellers = parse.GetValue(sellers),
                Buyers = parse.GetValue(buyers),
            };
            if (options.Problems().ToArray() is { Length: > 0 } problems)
            {
                throw new CommandFailedException(string.Join(Environment.NewLine, problems));
            }
            ClusterFile shape = ClusterFile.Resolve(parse.GetValue(cluster));
            if (parse.GetValue(plan))
            {
                foreach (string line in ChaosRun.Timeline(options, shape))
                {
                    Console.WriteLine(line);
                }
                return 0;
            }
            TextWriter screen = parse.GetValue(json) ? Console.Error : Console.Out;
            try
            {
                ChaosReport report = await RunAsync(options, shape, parse.GetValue(data), Path.GetFullPath(parse.GetValue(output)!), screen, signals.Token);
                screen.WriteLine();
                screen.Write(report.Summary());
                if (parse.GetValue(json))
                {
                    Console.Write(report.ToJson());
                }
                return report.IsGood ? 0 : 1;
            }
            catch (Exception e) when (e is EvaluationException or IOException or UnauthorizedAccessException)
            {
                throw new CommandFailedException(e.Message, e);
            }
        });
        return command.WithExamples(
            "agora chaos                                five minutes of faults that nobody may notice, save by a pause",
            "agora chaos --minutes 60 --seed 7          an hour of them",
            "agora chaos --beyond --seed 7              majorities, whole components, long outages: nothing may be wrong",
            "agora chaos --seed 7 --plan                what would be done, and when",
            "agora chaos --seed 7 --data /tmp/chaos     keep its data and logs, whatever comes of it");
    }

    private static async Task<ChaosReport> RunAsync(ChaosOptions options, ClusterFile shape, string? data, string output, TextWriter screen, CancellationToken cancellationToken)
    {
        void Say(string line) => screen.WriteLine($"{DateTimeOffset.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {line}");
        await using OwnMarketplace own = new(shape with { Payments = shape.Payments with { Seed = shape.Payments.Seed ?? (int)options.Seed } }, (ulong)options.Seed, data, Say);
        await own.StartAsync(cancellationToken);
        using ControlledMarketplace controlled = new(own.Data);
        ChaosReport report = await new ChaosRun(controlled, options, Say).RunAsync(CommandOf(options), r => r.Write(output), cancellationToken);
        Say($"the report is in {output}");
        if (!report.IsGood)
        {
            own.Stays = true;
            Say($"data and logs of the marketplace are kept in {own.Data.Root}");
        }
        return report;
    }

    private static string CommandOf(ChaosOptions options) => string.Create(CultureInfo.InvariantCulture,
        $"agora chaos --minutes {options.Length.TotalMinutes:0.####} --seed {options.Seed}{(options.Beyond ? " --beyond" : "")} --sellers {options.Sellers} --buyers {options.Buyers}");
}
