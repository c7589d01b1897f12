using System.Collections.Concurrent;

namespace Agora.Lab;

/// <summary>
/// All links between some parties, with their present faults. Everything random follows from one seed. Thread-safe.
/// </summary>
/// <param name="seed">Decides everything that is random.</param>
/// <param name="streamsLoseBelow">TCP segments are really lost, below the relays, and the system sends them again. So
/// the links do not also delay streams for lost segments.</param>
public sealed class FaultyNetwork(ulong seed, bool streamsLoseBelow = false)
{
    private readonly ConcurrentDictionary<(string From, string To), Link> _links = [];
    private readonly Lock _gate = new();
    private LinkConditions _conditions = LinkConditions.Perfect;

    /// <summary>Decides everything that is random.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>Every link that <see cref="Between"/> has returned, ordered by name.</summary>
    public IReadOnlyList<Link> Links =>
        [.. _links.Values.OrderBy(l => l.From, StringComparer.Ordinal).ThenBy(l => l.To, StringComparer.Ordinal)];

    /// <summary>The conditions of every link that has none of its own.</summary>
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
    public Link Between(string from, string to) =>
        _links.GetOrAdd(
            (from, to),
            key =>
            {
                lock (_gate)
                {
                    return new Link(key.From, key.To, Seed, _conditions, streamsLoseBelow);
                }
            }
        );

    /// <summary>Changes the conditions of every link.</summary>
    public void Set(LinkConditions conditions)
    {
        Check(conditions);
        lock (_gate)
        {
            _conditions = conditions;
            foreach (var link in _links.Values)
            {
                link.Conditions = conditions;
            }
        }
    }

    /// <summary>Changes the conditions of some links, and returns how many.</summary>
    public int Set(LinkConditions conditions, Func<Link, bool> which)
    {
        Check(conditions);
        return Change(which, link => link.Conditions = conditions);
    }

    /// <summary>
    /// Cuts some links, so that nothing passes, and returns how many. Datagrams on their way are lost; streams wait.
    /// </summary>
    public int Cut(Func<Link, bool> which) => Change(which, static link => link.Cut());

    /// <summary>Lets everything pass again over some links that were cut, and returns how many.</summary>
    public int Heal(Func<Link, bool> which) => Change(link => link.IsCut && which(link), static link => link.Heal());

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
