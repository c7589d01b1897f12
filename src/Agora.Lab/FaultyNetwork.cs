using System.Collections.Concurrent;

namespace Agora.Lab;

/// <summary>All links between some parties, which follow from one seed, and what is bad about them at the moment. Thread-safe.</summary>
/// <param name="seed">Decides everything that is left to chance.</param>
/// <param name="streamsLoseBelow">Segments of streams are really lost, below the relays, and repaired there: they are not delayed for it as well.</param>
public sealed class FaultyNetwork(ulong seed, bool streamsLoseBelow = false)
{
    private readonly ConcurrentDictionary<(string From, string To), Link> _links = [];
    private readonly Lock _gate = new();
    private LinkConditions _conditions = LinkConditions.Perfect;

    /// <summary>Decides everything that is left to chance.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>Every link that was asked for, by name.</summary>
    public IReadOnlyList<Link> Links => [.. _links.Values.OrderBy(l => l.From, StringComparer.Ordinal).ThenBy(l => l.To, StringComparer.Ordinal)];

    /// <summary>What links do that nothing else was said about.</summary>
    public LinkConditions Conditions
    {
        get
        {
            lock (_gate)
            {
                return _conditions;
            }
        }
    }

    /// <summary>The link from one party to another; always the same one.</summary>
    public Link Between(string from, string to) => _links.GetOrAdd((from, to), key =>
    {
        lock (_gate)
        {
            return new Link(key.From, key.To, Seed, _conditions, streamsLoseBelow);
        }
    });

    /// <summary>Changes what every link does.</summary>
    public void Set(LinkConditions conditions)
    {
        Check(conditions);
        lock (_gate)
        {
            _conditions = conditions;
            foreach (Link link in _links.Values)
            {
                link.Conditions = conditions;
            }
        }
    }

    /// <summary>Changes what some links do; how many.</summary>
    public int Set(LinkConditions conditions, Func<Link, bool> which)
    {
        Check(conditions);
        return Change(which, link => link.Conditions = conditions);
    }

    /// <summary>Lets nothing pass over some links; how many. What is on its way over them is lost, or in a stream waits.</summary>
    public int Cut(Func<Link, bool> which) => Change(which, static link => link.Cut());

    /// <summary>Lets everything pass again over some links that were cut; how many.</summary>
    public int Mend(Func<Link, bool> which) => Change(link => link.IsCut && which(link), static link => link.Mend());

    private int Change(Func<Link, bool> which, Action<Link> change)
    {
        lock (_gate)
        {
            Link[] chosen = [.. _links.Values.Where(which)];
            Array.ForEach(chosen, change);
            return chosen.Length;
        }
    }

    private static void Check(LinkConditions conditions)
    {
        ArgumentNullException.ThrowIfNull(conditions);
        if (conditions.Problem() is { } problem)
        {
            throw new ArgumentException(problem, nameof(conditions));
        }
    }
}
