using System.Globalization;

namespace RotatingSequencer.Simulation.Exhaustive;

/// <summary>
/// Small scope, every order: a depth-first search through all states that a small group can reach within <see cref="Bounds"/>. The observer checks
/// each step; where nothing can happen any more but in calm, everything must get delivered.
/// </summary>
internal sealed class Search(Bounds bounds)
{
    /// <summary>By its fingerprint: with how few faults each state was explored; mostly one entry, which is within all others.</summary>
    private readonly Dictionary<ulong, Faults> _explored = [];
    private readonly HashSet<(ulong Print, Faults Faults)> _exploredAgain = [];
    private readonly HashSet<ulong> _ends = [];
    private readonly List<string> _path = [];

    /// <summary>Different states, however many faults led there.</summary>
    public long States => _explored.Count;

    public long Steps { get; private set; }

    /// <summary>States in which nothing more can happen within the bounds; from each the calm was tried.</summary>
    public long Ends => _ends.Count;

    public int Longest { get; private set; }

    public bool IsComplete { get; private set; } = true;

    /// <summary>Searches the suite until a rule is broken: after how many steps; null when none was.</summary>
    public static long? FirstFinding(long maximumStates)
    {
        var steps = 0L;
        foreach (var bounds in Bounds.Suite)
        {
            var search = new Search(bounds with { MaximumStates = maximumStates });
            var failure = search.Run();
            steps += search.Steps;
            if (failure is not null)
            {
                return steps;
            }
        }

        return null;
    }

    /// <summary>Searches; null when no rule was broken, otherwise the rule and the steps that led there.</summary>
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

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{States:N0} states, {Steps:N0} steps, {Ends:N0} ends, the longest way {Longest} steps{(IsComplete ? "" : ", NOT ALL")}");

    private void Explore(SmallWorld world, int depth)
    {
        Longest = Math.Max(Longest, depth);
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
            IsComplete &= _explored.Count < bounds.MaximumStates;
            return IsComplete && _explored.TryAdd(print, world.Faults);
        }

        // Explored, or being explored, with no more faults: then all that can follow here follows there.
        return !faults.IsWithin(world.Faults) && _exploredAgain.Add((print, world.Faults));
    }
}
