using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Agora.Cluster;
using Agora.Doctor;
using Agora.Launcher;
using Agora.Trading;

namespace Agora.Commands;

/// <summary><c>agora doctor</c>: looks at a running marketplace twice, and says what is wrong and what to do.</summary>
internal static class DoctorCommand
{
    private const int MaxSeconds = 300;
    private const string Yellow = "33";

    private static readonly SystemTerminal s_terminal = new();

    public static Command Create()
    {
        var data = SharedOptions.Data();
        var cluster = SharedOptions.Cluster();
        var secrets = SharedOptions.Secrets();
        Option<bool> json = new("--json") { Description = "Print JSON" };
        Option<int> seconds = new("--seconds")
        {
            Description = "Time between the two looks; a longer one sees rarer losses",
            HelpName = "N",
            DefaultValueFactory = _ => 3,
        };
        seconds.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > MaxSeconds)
            {
                result.AddError($"--seconds takes a number from 1 to {MaxSeconds}.");
            }
        });
        Command command = new(
            "doctor",
            "Look at a running marketplace, and say what is wrong and what to do. Exit status 1 if something is wrong"
        )
        {
            data,
            cluster,
            secrets,
            json,
            seconds,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                var isJson = parse.GetValue(json);
                var notices = isJson ? TextWriter.Null : Console.Error;
                DataDirectory directory = new(parse.GetValue(data)!);
                using StatusSource source = new(directory, parse.GetValue(cluster), parse.GetValue(secrets), notices);
                var before = await source.ReadAsync(cancellationToken);
                await Task.Delay(TimeSpan.FromSeconds(parse.GetValue(seconds)), cancellationToken);
                var after = await source.ReadAsync(cancellationToken);
                var findings = Diagnosis.Of(before, after, TimeProvider.System.GetUtcNow());
                if (isJson)
                {
                    Console.WriteLine(
                        JsonSerializer.Serialize(
                            new DoctorReport(findings.Count == 0, findings),
                            DoctorJson.Default.DoctorReport
                        )
                    );
                }
                else
                {
                    var width = s_terminal.HasScreen ? s_terminal.Width : int.MaxValue;
                    var isStyled = s_terminal is { HasScreen: true, WantsColours: true };
                    Console.Write(string.Concat(Lines(findings, after, width, isStyled).Select(line => line + "\n")));
                }

                return findings.Count == 0 ? ExitStatus.Done : ExitStatus.Refused;
            }
        );
        return command.WithExamples("agora doctor", "agora doctor --seconds 30", "agora doctor --json | jq .findings");
    }

    internal static IEnumerable<string> Lines(
        IReadOnlyList<Finding> findings,
        ClusterStatus status,
        int width,
        bool isStyled
    )
    {
        var up = status.Processes.Count(p => p.State == ProcessState.Running);
        if (findings.Count == 0)
        {
            return
            [
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"Nothing is wrong: {up} of {status.Processes.Count} processes run, and every function is served."
                ),
            ];
        }

        TextTable table = new(
            new("severity"),
            new("what", Fit.Wrap),
            new("problem", Fit.Wrap),
            new("what to do", Fit.Wrap)
        );
        foreach (var finding in findings)
        {
            table.Add(
                [finding.Severity, finding.Subject, finding.Problem, finding.Advice],
                finding.Severity == Finding.Critical ? TextTable.Red : Yellow
            );
        }

        var critical = findings.Count(f => f.Severity == Finding.Critical);
        return
        [
            .. table.Lines(width, isStyled),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{critical} critical, {findings.Count - critical} to watch; {up} of {status.Processes.Count} running"
            ),
        ];
    }
}
