using System.Globalization;
using RotatingSequencer.Simulation;

namespace RotatingSequencer.Campaigns.Exhaustive;

/// <summary>
/// A depth-first search through all states that a small group can reach within <see cref="SearchBounds"/>. The observer
/// checks each step. From each state in which the bounds allow nothing more, everything must be delivered without
/// faults.
/// </summary>
internal sealed class StateSearch(SearchBounds bounds)
{
    /// <summary>
    /// The faults with which each state was first explored, by fingerprint. Mostly these are within all later ones.
    /// </summary>
    private readonly Dictionary<ulong, Faults> _explored = [];
    private readonly HashSet<(ulong Print, Faults Faults)> _exploredAgain = [];
    private readonly HashSet<ulong> _ends = [];
    private readonly List<string> _path = [];

    /// <summary>Different states, whatever faults led to them.</summary>
    public long States => _explored.Count;

    public long Steps { get; private set; }

    /// <summary>States in which the bounds allow nothing more; from each the group had to settle.</summary>
    public long Ends => _ends.Count;

    public int MaxDepth { get; private set; }

    public bool IsComplete { get; private set; } = true;

    /// <summary>
    /// Searches the suite until a rule is broken. Returns how many steps it took; null when none was.
    /// </summary>
    public static long? FirstFinding(long maxStates)
    {
        var steps = 0L;
        foreach (var bounds in SearchBounds.Suite)
        {
            var search = new StateSearch(bounds with { MaxStates = maxStates });
            var failure = search.Run();
            steps += search.Steps;
            if (failure is not null)
            {
                return steps;
            }
        }

        return null;
    }

    /// <summary>Searches. Null when no rule was broken; otherwise the rule and the steps that led there.</summary>
    public string? Run()
    {
        try
        {
            Explore(new SmallWorld(bounds), 0);
            return null;
        }
        catch (Exception exception)
        {
            _path.Reverse();
            var how = exception is BrokenRule or ProtocolViolationException ? exception.Message : exception.ToString();
            return $"{how}\n{bounds}\n{string.Join('\n', _path)}";
        }
    }

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{States:N0} states, {Steps:N0} steps, {Ends:N0} ends, longest path {MaxDepth} steps"
        ) + (IsComplete ? "" : ", NOT ALL");

    private void Explore(SmallWorld world, int depth)
    {
        MaxDepth = Math.Max(MaxDepth, depth);
        var steps = world.Steps();
        if (steps.Count == 0)
        {
            if (_ends.Add(world.Fingerprint()))
            {
                world.CheckThatItSettles();
            }

            return;
        }

        foreach (var step in steps)
        {
            var fate = "";
            try
            {
                Steps++;
                foreach (var next in world.After(step).Fates())
                {
                    fate = world.DescribeFate(next);
                    if (IsNew(next))
                    {
                        Explore(next, depth + 1);
                    }
                }
            }
            catch (Exception)
            {
                _path.Add(world.Describe(step) + fate);
                throw;
            }
        }
    }

    private bool IsNew(SmallWorld world)
    {
        var print = world.Fingerprint();
        if (!_explored.TryGetValue(print, out var faults))
        {
            IsComplete &= _explored.Count < bounds.MaxStates;
            return IsComplete && _explored.TryAdd(print, world.Faults);
        }

        // The state was explored, or is, with no more faults: then everything that can follow here follows there.
        return !faults.IsWithin(world.Faults) && _exploredAgain.Add((print, world.Faults));
    }
}
