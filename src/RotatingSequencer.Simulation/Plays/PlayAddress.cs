using System.Globalization;
using System.Text;

namespace RotatingSequencer.Simulation.Plays;

/// <summary>
/// Everything that a picture depends on, as the query of a URL. The same address gives the same picture everywhere,
/// so
/// no server keeps anything: a step back is a lower number, and another course of events is another list of
/// interventions.
/// </summary>
public sealed record PlayAddress
{
    /// <summary>The name of the scenario that a seed of the simulation decides.</summary>
    public const string SeedScenario = "seed";

    /// <summary>Most interventions in one play.</summary>
    public const int MaxInterventions = 16;

    /// <summary>The longest value that is read.</summary>
    private const int MaxLength = 600;

    /// <summary>The name of the scenario; there may be none of this name.</summary>
    public string Scenario { get; init; } = Scenarios.All[0].Name;

    /// <summary>The seed, where a seed decides.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The step to show. It may be beyond the last.</summary>
    public int Step { get; init; }

    /// <summary>What a person does.</summary>
    public IReadOnlyList<Intervention> Interventions { get; init; } = [];

    /// <summary>The message that is chosen.</summary>
    public int? Message { get; init; }

    /// <summary>The member that is chosen.</summary>
    public int? Member { get; init; }

    /// <summary>Whether some part of the address could not be read, and is left out.</summary>
    public bool LeavesOut { get; private init; }

    /// <summary>Reads the values of a query. What cannot be read is left out.</summary>
    public static PlayAddress Parse(IEnumerable<KeyValuePair<string, string>> query)
    {
        ArgumentNullException.ThrowIfNull(query);
        var address = new PlayAddress();
        foreach (var (name, value) in query)
        {
            address = value.Length > MaxLength ? address with { LeavesOut = true } : address.With(name, value);
        }

        return address;
    }

    /// <summary>The same play at another step, with nothing chosen.</summary>
    public PlayAddress AtStep(int step) => this with { Step = Math.Max(0, step), Message = null, Member = null };

    /// <summary>The play that takes another course from here; null when there is no room for more
    /// interventions.</summary>
    public PlayAddress? With(Intervention intervention, int step)
    {
        var others = Interventions.Where(i =>
            !i.IsToMessage || !intervention.IsToMessage || i.Target != intervention.Target
        );
        List<Intervention> all = [.. others.Where(i => i != intervention), intervention];
        return all.Count > MaxInterventions ? null : AtStep(step) with { Interventions = all };
    }

    /// <summary>The play without one of its interventions.</summary>
    public PlayAddress Without(Intervention intervention) =>
        AtStep(Step) with
        {
            Interventions = [.. Interventions.Where(i => i != intervention)],
        };

    /// <summary>The address as a query, with its question mark.</summary>
    public string ToQuery()
    {
        var query = new StringBuilder("?scenario=").Append(Uri.EscapeDataString(Scenario));
        if (Scenario == SeedScenario)
        {
            query.Append(CultureInfo.InvariantCulture, $"&seed={Seed}");
        }

        query.Append(CultureInfo.InvariantCulture, $"&step={Step}");
        if (Interventions.Count > 0)
        {
            query.Append("&act=").AppendJoin(',', Interventions);
        }

        if (Message is { } message)
        {
            query.Append(CultureInfo.InvariantCulture, $"&message={message}");
        }

        if (Member is { } member)
        {
            query.Append(CultureInfo.InvariantCulture, $"&member={member}");
        }

        return query.ToString();
    }

    private PlayAddress With(string name, string value)
    {
        switch (name)
        {
            case "scenario":
                return this with { Scenario = value };
            case "seed" when TryNumber(value, out var seed):
                return this with { Seed = seed };
            case "step" when TryNumber(value, out var step):
                return this with { Step = step };
            case "message" when TryNumber(value, out var message):
                return this with { Message = message };
            case "member" when TryNumber(value, out var member):
                return this with { Member = member };
            case "act":
                return WithAll(
                    value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                );
            // An empty field of a form.
            case "seed" or "step" or "message" or "member" when value.Length == 0:
                return this;
            case "seed" or "step" or "message" or "member":
                return this with { LeavesOut = true };
            default:
                return this;
        }
    }

    private PlayAddress WithAll(string[] texts)
    {
        var all = Interventions.ToList();
        var leavesOut = LeavesOut;
        foreach (var text in texts)
        {
            if (all.Count < MaxInterventions && Intervention.TryParse(text, out var intervention))
            {
                all.Add(intervention);
            }
            else
            {
                leavesOut = true;
            }
        }

        return this with
        {
            Interventions = all,
            LeavesOut = leavesOut,
        };
    }

    private static bool TryNumber(string value, out int number) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
