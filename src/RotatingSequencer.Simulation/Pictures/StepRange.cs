using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>The steps that a picture is made for, and in which step each moment is.</summary>
internal sealed class StepRange
{
    private readonly int[] _stepOfMoment;
    private readonly IReadOnlyList<PlayStep> _steps;

    public StepRange(Play play, int first, int last, bool shows)
    {
        (First, Last, ShowsNew) = (first, last, shows);
        _steps = play.Steps;
        _stepOfMoment = new int[play.Recording.Moments.Count];
        Array.Fill(_stepOfMoment, int.MaxValue);
        for (var i = 1; i < _steps.Count; i++)
        {
            for (var moment = _steps[i - 1].End + 1; moment <= _steps[i].End; moment++)
            {
                _stepOfMoment[moment] = i;
            }
        }
    }

    public int First { get; }

    public int Last { get; }

    /// <summary>Whether what is new in a step is drawn so.</summary>
    public bool ShowsNew { get; }

    /// <summary>The step of a moment; a moment after the last step has none.</summary>
    public int Of(Moment moment) => moment.Index < 0 ? 0 : _stepOfMoment[moment.Index];

    /// <summary>The first step whose picture shows a time.</summary>
    public int At(long time)
    {
        var (low, high) = (0, _steps.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _steps[middle].ShownAt < time ? (middle + 1, high) : (low, middle);
        }

        return low == _steps.Count ? int.MaxValue : low;
    }

    /// <summary>The class of something that is new in the one step of the picture.</summary>
    public string NewIf(bool isNew) => ShowsNew && First == Last && isNew ? " new" : "";
}
