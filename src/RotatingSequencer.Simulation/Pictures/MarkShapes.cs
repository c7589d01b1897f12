using System.Globalization;
using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// What stands at the members' lines: numbers that are assigned and delivered, what happens to members, the names of
/// messages where they are sent, and the time.
/// </summary>
internal sealed class MarkShapes(Play play, DiagramLayout layout, DiagramView view, StepRange steps)
{
    private const double BetweenTimes = 30;
    private const double BetweenLabels = 12;
    private const int MaxLabels = 3;

    public void AddTo(List<Shape> shapes)
    {
        var lastTime = double.MinValue;
        foreach (var moment in play.Recording.Moments)
        {
            var step = steps.Of(moment);
            if (step > steps.Last)
            {
                break;
            }

            var y = layout.YOf(moment);
            var timed = !moment.IsQuiet && y >= lastTime + BetweenTimes;
            lastTime = timed ? y : lastTime;
            if (!view.Shows(y, y))
            {
                continue;
            }

            if (timed)
            {
                shapes.Add(new(Layer.Labels, step, int.MaxValue, Svg.Text("axis", 6, y + 4, TimeOf(moment.At))));
            }

            if (layout.IsShortened(moment))
            {
                shapes.Add(new(Layer.Labels, step, int.MaxValue, Svg.Text("wait", 18, y - 24, "⋮")));
            }

            AddMarks(shapes, moment, step, y);
        }
    }

    private void AddMarks(List<Shape> shapes, Moment moment, int step, double y)
    {
        var isNew = steps.NewIf(step == steps.First);
        var marks = MarksOf(moment);
        var x = DiagramLayout.XOf(moment.Member);
        var width = marks.Sum(mark => mark.Width) + (3 * Math.Max(0, marks.Count - 1));
        var at = x - (width / 2);
        foreach (var mark in marks)
        {
            shapes.Add(
                new(
                    Layer.Marks,
                    step,
                    int.MaxValue,
                    $"<g class=\"mark{isNew}\">{mark.Draw(at + (mark.Width / 2), y)}</g>"
                )
            );
            at += mark.Width + 3;
        }

        var labels = LabelsOf(moment, marks);
        var isLast = moment.Member == play.Members - 1;
        var distance = Math.Max(9, (width / 2) + 4);
        for (var i = 0; i < labels.Count; i++)
        {
            var (kind, text, isLeft) = labels[i];
            var left = isLast || isLeft;
            shapes.Add(
                new(
                    Layer.Labels,
                    step,
                    int.MaxValue,
                    Svg.Text(
                        $"label l-{kind}{(left ? " left" : "")}{isNew}",
                        left ? x - distance : x + distance,
                        y - 4 - (i * BetweenLabels),
                        text
                    )
                )
            );
        }
    }

    private static List<Mark> MarksOf(Moment moment)
    {
        List<Mark> marks = [];
        foreach (var what in moment.Events.Distinct())
        {
            marks.Add(Mark.Of(what));
        }

        var assigned = Numbers(
            moment
                .Sent.Where(d => d.IsToAll)
                .SelectMany(d => d.Messages)
                .Where(m => m is { IsSequence: true, IsAgain: false })
                .Select(m => m.Number)
                .Distinct()
                .ToList()
        );
        if (assigned.Length > 0)
        {
            marks.Add(Mark.Assigned(assigned));
        }

        var delivered = Numbers([.. moment.Delivered.Select(d => d.Number)]);
        if (delivered.Length > 0)
        {
            marks.Add(Mark.Delivered(delivered));
        }

        return marks;
    }

    private static string Numbers(List<long> numbers) =>
        numbers.Count switch
        {
            0 => "",
            1 => Text(numbers[0]),
            _ => $"{Text(numbers[0])}–{Text(numbers[^1])}",
        };

    private static List<(string Kind, string Text, bool IsLeft)> LabelsOf(Moment moment, List<Mark> marks)
    {
        List<(string Kind, string Text, bool IsLeft)> labels = [];
        foreach (var mark in marks.Where(mark => mark.Label.Length > 0))
        {
            var count = moment.Events.Count(what => what == MemberEvent.Submits);
            labels.Add(
                (mark.Kind, mark.Kind == "submits" && count > 1 ? $"{Text(count)} requests" : mark.Label, false)
            );
        }

        foreach (var datagram in moment.Sent.DistinctBy(d => d.IsToAll ? -1 : d.To))
        {
            var same = moment.Sent.Where(d => d.IsToAll == datagram.IsToAll && (d.IsToAll || d.To == datagram.To));
            var messages = same.SelectMany(d => d.Messages).DistinctBy(Short).ToList();
            if (messages.Any(m => m.IsRequest || m.IsSequence))
            {
                // What it sends says more than that it also answers.
                messages.RemoveAll(m => m.Answers);
            }

            foreach (var kind in messages.GroupBy(KindOf))
            {
                var texts = kind.Select(m =>
                        m is { Answers: true } ? $"up to {PlayViews.Text(datagram.Held)}" : Short(m)
                    )
                    .ToList();
                var text = texts.Count <= 2 ? string.Join(", ", texts) : $"{texts[0]} … {texts[^1]}";
                labels.Add((kind.Key, text, !datagram.IsToAll && datagram.To < moment.Member));
            }
        }

        // The same to several members is said once.
        labels =
        [
            .. labels.GroupBy(label => (label.Kind, label.Text)).Select(same => same.MinBy(label => label.IsLeft)),
        ];
        return labels.Count <= MaxLabels ? labels : [.. labels.Take(MaxLabels - 1), ("axis", "…", false)];
    }

    private static string KindOf(SentMessage message) =>
        message.IsRequest ? "request"
        : message.IsSequence ? "sequence"
        : "retransmit";

    private static string Short(SentMessage message)
    {
        var again = message.IsAgain ? " again" : "";
        return message switch
        {
            { IsRequest: true } => Sentences.Id(message.Id) + again,
            { IsSequence: true, IsAgain: true } => Text(message.Number) + again,
            { IsSequence: true } => $"{Text(message.Number)} = {Sentences.Id(message.Id)}",
            { NamesMissing: true } => "lacks " + Lacks(message),
            { Answers: true } => "answer",
            _ => "how far?",
        };
    }

    private static string Lacks(SentMessage message)
    {
        var range = message.Missing[0];
        var more = message.Missing.Count > 1 || range.Count > 1 ? " …" : "";
        return (
                range.Sender == Wire.MissingRange.Sequences
                    ? Text(range.First)
                    : Sentences.Id(new(range.Sender, range.First))
            ) + more;
    }

    private string TimeOf(long at) =>
        play.Setup.Hop < 300
            ? string.Create(CultureInfo.InvariantCulture, $"{at} µs")
            : string.Create(CultureInfo.InvariantCulture, $"{at / 1_000.0:0.0} ms");

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
