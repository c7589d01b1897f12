using System.Xml.Linq;
using Xunit;

namespace Agora.Evaluation.Tests;

public sealed class ReportTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agora-report-").FullName;

    [Fact]
    public void All_files_are_written_and_the_plots_are_well_formed()
    {
        Report.Write(_directory, Evaluation(), baseline: null);

        string[] plots = ["times-1-1.svg", "timeline-1-1-condition-4.svg"];
        Assert.Equal(
            ["report.json", "report.md", .. plots.Order()],
            Directory.GetFiles(_directory).Select(Path.GetFileName).Order()
        );
        var markdown = File.ReadAllText(Path.Combine(_directory, "report.md"));
        foreach (var plot in plots)
        {
            Assert.Equal("svg", XDocument.Load(Path.Combine(_directory, plot)).Root!.Name.LocalName);
            Assert.Contains($"({plot})", markdown, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_written_as_JSON_is_read_back()
    {
        var report = Evaluation();
        Report.Write(_directory, report, baseline: null);

        var read = Report.Read(Path.Combine(_directory, "report.json"));

        Assert.Equal(report.Command, read.Command);
        Assert.Equal(report.Options.Scales, read.Options.Scales);
        Assert.Equal(report.BooksBalance, read.BooksBalance);
        Assert.Equal(MarkdownReport.Of(report, null), MarkdownReport.Of(read, null));
        Assert.Equal(
            report.Scales[0].Conditions[1].Functions[0].AfterKill!.HistogramMicroseconds,
            read.Scales[0].Conditions[1].Functions[0].AfterKill!.HistogramMicroseconds
        );
    }

    [Fact]
    public void Something_else_is_not_read_as_a_report()
    {
        var path = Path.Combine(_directory, "other.json");
        File.WriteAllText(path, "{}");

        Assert.Contains(
            path,
            Assert.Throws<EvaluationException>(() => Report.Read(path)).Message,
            StringComparison.Ordinal
        );
        Assert.Throws<EvaluationException>(() => Report.Read(path + ".missing"));
    }

    [Fact]
    public void Books_that_do_not_balance_are_said_on_top_and_at_the_run()
    {
        var markdown = MarkdownReport.Of(Evaluation("a unit is lost"), null);

        Assert.False(Evaluation("a unit is lost").BooksBalance);
        Assert.True(Evaluation().BooksBalance);
        Assert.Contains("**THE BOOKS DO NOT BALANCE**", markdown, StringComparison.Ordinal);
        Assert.Contains("- run 1: **wrong:** a unit is lost", markdown, StringComparison.Ordinal);
        Assert.False((Evaluation() with { WrongWhileWarmingUp = ["x"] }).BooksBalance);
    }

    [Fact]
    public void An_earlier_report_is_compared_function_by_function()
    {
        var markdown = MarkdownReport.Of(Evaluation(), Evaluation());

        Assert.Contains("Compared with an earlier evaluation", markdown, StringComparison.Ordinal);
        Assert.Contains(
            "| buyer | GetItem             | 10.0 |  10.0 |         1.00 |",
            markdown,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_summary_has_a_column_a_condition_and_a_row_a_function()
    {
        var lines = Report.Summary(Evaluation().Scales[0]).Split('\n');

        Assert.Equal("| role  | function            | condition 1 | condition 4 |", lines[0].TrimEnd());
        Assert.Equal("| buyer | GetItem             |        10.0 |       255.0 |", lines[2].TrimEnd());
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(1.1, 2)]
    [InlineData(180, 200)]
    [InlineData(400, 500)]
    [InlineData(501, 1000)]
    public void An_axis_ends_at_a_round_number(double value, double end) => Assert.Equal(end, Plots.Nice(value));

    [Fact]
    public void Processor_time_is_read_as_Linux_writes_it() =>
        Assert.Equal(new ProcessorTime(1000, 250, 50), ProcessorTime.Of("cpu  100 10 100 600 100 20 20 50 7 0"));

    [Theory]
    [InlineData("1,6", "needs the lab")]
    [InlineData("7", "there is no condition 7")]
    [InlineData("", "no condition")]
    public void What_cannot_be_measured_is_said(string conditions, string problem)
    {
        EvaluationOptions options = new()
        {
            Conditions = [.. conditions.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)],
        };

        Assert.Contains(
            problem,
            Assert.Single(options.Problems(conditionsNeedReplicas: false, lab: false)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Bounds_of_all_numbers_are_checked()
    {
        Assert.Empty(new EvaluationOptions().Problems(false, lab: false));
        Assert.Empty(new EvaluationOptions { Conditions = [1, 6] }.Problems(false, lab: true));
        Assert.Single(new EvaluationOptions { Calls = [CallPlan.MinCalls - 1] }.Problems(false, lab: false));
        Assert.Single(new EvaluationOptions { Runs = [0] }.Problems(false, lab: false));
        Assert.Single(new EvaluationOptions { Rate = double.NaN }.Problems(false, lab: false));
        Assert.Single(new EvaluationOptions { Scales = [new(0, 0)] }.Problems(false, lab: false));
        Assert.Single(new EvaluationOptions().Problems(conditionsNeedReplicas: true, lab: false));
        Assert.Empty(new EvaluationOptions { Conditions = [1] }.Problems(conditionsNeedReplicas: true, lab: false));
    }

    [Fact]
    public void Runs_and_calls_are_one_number_or_one_for_each_scale()
    {
        EvaluationOptions options = new()
        {
            Scales = [new(1, 1), new(10, 10)],
            Runs = [3],
            Calls = [1000, 200],
        };

        Assert.Empty(options.Problems(false, lab: false));
        Assert.Equal((3, 1000, 3, 200), (options.RunsAt(0), options.CallsAt(0), options.RunsAt(1), options.CallsAt(1)));
        Assert.Contains(
            "one for each scale",
            Assert.Single((options with { Runs = [1, 2, 3] }).Problems(false, lab: false)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void What_another_marketplace_has_measured_joins_scale_by_scale()
    {
        var one = Evaluation();
        var other = Evaluation("a unit is missing") with
        {
            Lab = [6],
            Options = new() { Conditions = [6] },
        };

        var both = one with { Options = new() { Conditions = [1, 4] } };
        both = both.With(other);

        Assert.Equal([1, 4, 6], both.Options.Conditions);
        Assert.Equal([6], both.Lab);
        Assert.Equal([1, 4, 1, 4], Assert.Single(both.Scales).Conditions.Select(c => c.Number));
        Assert.True(one.BooksBalance);
        Assert.False(both.BooksBalance);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static EvaluationReport Evaluation(params string[] wrong)
    {
        ConditionResult Result(int number, double? kill, params CallSample[] samples)
        {
            var condition = Condition.All.Single(c => c.Number == number);
            Tally tally = new(condition);
            MeasuredRun run = new(
                samples,
                MeasuredCalls.At(0),
                MeasuredCalls.At(3000),
                kill is null ? [] : ["products/1"],
                kill is { } k ? MeasuredCalls.At(k) : null
            );
            tally.Add(run, MeasuredCalls.Result(run, condition, 1, wrong));
            return tally.Result();
        }

        return new()
        {
            Version = "1",
            At = DateTimeOffset.UnixEpoch,
            Command = "agora evaluate",
            Machine = new("a processor", 2, 4, "a system", "a runtime", 0.1),
            Replicas = new Dictionary<string, int> { ["products"] = 5 },
            Engines = new Dictionary<string, string> { ["products"] = "Raft" },
            Options = new(),
            Mix = [new("buyer", "GetItem", 1000)],
            WrongWhileWarmingUp = [],
            Scales =
            [
                new(
                    1,
                    1,
                    [
                        Result(1, null, MeasuredCalls.Call(0, 10)),
                        Result(4, 1000, MeasuredCalls.Call(0, 10), MeasuredCalls.Call(1000, 1500)),
                    ]
                ),
            ],
        };
    }
}
