using System.Diagnostics;
using System.Globalization;
using RotatingSequencer.Processes;

// [--seed N] [--runs N] [--seconds N] [--memory]: runs campaigns, one after the other, each with its own seed.
if (args is ["member", ..])
{
    return await MemberHost.RunAsync(args[1..]);
}

var first = Option("--seed") ?? 1;
var runs = Option("--runs") ?? 1;
var length = TimeSpan.FromSeconds(Option("--seconds") ?? 60);
for (var seed = first; seed < first + runs; seed++)
{
    var clock = Stopwatch.StartNew();
    void Log(string line) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{clock.Elapsed.TotalSeconds, 7:F1} s  {line}"));
    Console.WriteLine($"seed {seed}");
    var result = await Campaign.RunAsync(
        new CampaignOptions(seed, length) { Journal = !args.Contains("--memory"), Log = Log },
        CancellationToken.None
    );
    Log(result.ToString());
    if (result.Problem is { } problem)
    {
        Console.WriteLine($"seed {seed}: {problem}");
        return 1;
    }
}

return 0;

int? Option(string name)
{
    var at = Array.IndexOf(args, name);
    return at < 0 || at + 1 >= args.Length ? null : int.Parse(args[at + 1], CultureInfo.InvariantCulture);
}
