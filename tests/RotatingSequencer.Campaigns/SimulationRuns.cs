using RotatingSequencer.Simulation;

namespace RotatingSequencer.Campaigns;

/// <summary>Runs seeds. For one that failed, it returns what is needed to understand it.</summary>
internal static class SimulationRuns
{
    private const int TraceTail = 120;

    /// <summary>
    /// Runs one seed. Null when no rule was broken; otherwise the seed, the rule and the end of the trace.
    /// </summary>
    public static string? Run(int seed, Statistics statistics, bool lying = false)
    {
        try
        {
            var world = Begin(seed, lying, null);
            world.Run();
            lock (statistics)
            {
                statistics.Add(world.Statistics);
            }

            return null;
        }
        catch (Exception exception)
        {
            return Explain(seed, lying, exception);
        }
    }

    /// <summary>Runs seeds until one breaks a rule. Returns how many and which rule; null when none did.</summary>
    public static (int Seeds, string Rule)? FirstFinding(int seeds, bool lying)
    {
        for (var seed = 0; seed < seeds; seed++)
        {
            try
            {
                Begin(seed, lying, null).Run();
            }
            catch (BrokenRule broken)
            {
                return (seed + 1, broken.Rule);
            }
            catch (ProtocolViolationException)
            {
                return (seed + 1, "the core itself stops: rules were broken");
            }
            catch (Exception exception)
            {
                return (seed + 1, $"it breaks down: {exception.GetType().Name}");
            }
        }

        return null;
    }

    /// <summary>Runs seeds with a bug; returns what each of them found.</summary>
    public static IEnumerable<string> Find(Defect defect, int seeds)
    {
        for (var seed = 0; seed < seeds; seed++)
        {
            var world = new World(seed, null, defect);
            var found = "";
            try
            {
                world.Run();
            }
            catch (Exception exception) when (exception is BrokenRule or ProtocolViolationException)
            {
                found = exception.Message;
            }

            yield return found;
        }
    }

    /// <summary>Runs one seed and writes everything that happens.</summary>
    public static void RunTraced(int seed, TextWriter writer, bool lying = false)
    {
        var world = Begin(seed, lying, new Trace(1, writer));
        writer.WriteLine(world.Setup);
        world.Run();
        writer.WriteLine(world.Statistics);
    }

    /// <summary>A run with everything drawn at random; or one of a small group whose disks lie often.</summary>
    private static World Begin(int seed, bool lying, Trace? trace) =>
        lying ? World.OfLyingDisks(seed, trace) : new World(seed, trace);

    private static string Explain(int seed, bool lying, Exception exception)
    {
        // The same run again, now with a trace.
        var trace = new Trace(TraceTail, null);
        var world = Begin(seed, lying, trace);
        var replay = "the replay broke no rule: something in the run is not determined by its seed";
        try
        {
            world.Run();
        }
        catch (Exception again)
        {
            replay = again is BrokenRule ? again.Message : again.ToString();
        }

        return $"""
            seed {seed}{(lying ? " of lying disks" : "")}: {exception.GetType().Name}: {exception.Message}
            {world.Setup}
            {string.Join('\n', trace.Lines)}
            {replay}
            """;
    }
}
