using System.Threading.Channels;

namespace Agora.Evaluation.Chaos;

/// <summary>A seller whose items are in the shop.</summary>
internal sealed class Stand(long sellerId, string name)
{
    public long SellerId => sellerId;

    public History<RatingState, RatingCall> Rating { get; } = new($"The rating of {name}", default);

    /// <summary>The seller's items, in the order of their registration; only the seller's own calls look here.</summary>
    public List<Ware> Wares { get; } = [];
}

/// <summary>An item that everybody may call for, and what everybody has seen of it.</summary>
internal sealed class Ware(Stand stand, string id, string name, int category, ItemState initial)
{
    public Stand Stand => stand;

    public string Id => id;

    public string Name => name;

    public int Category => category;

    public History<ItemState, ItemCall> History { get; } = new($"Item {id}", initial);

    /// <summary>Somebody has seen units not long ago: a hint, so that buyers do not run after what is sold out.</summary>
    public bool IsInStock { get; set; } = initial.Units > 0;
}

/// <summary>What all clients of a round share: the items that are open to all, and who judges their histories when they close. Thread-safe.</summary>
internal sealed class Shop : IAsyncDisposable
{
    // Closed histories that wait for the judge; who closes another then waits too, so that memory stays bounded.
    private const int MostWaiting = 256;

    private readonly Lock _gate = new();
    private readonly List<Stand> _stands = [];
    private readonly HashSet<string> _ids = [];
    private readonly Findings _findings;
    private readonly Channel<History> _closed = Channel.CreateBounded<History>(MostWaiting);
    private readonly Task _judging;
    private Ware[] _open = [];

    public Shop(Findings findings)
    {
        _findings = findings;
        _judging = Task.Run(JudgeAsync);
    }

    /// <summary>Every item that is open.</summary>
    public IReadOnlyList<Ware> Open => Volatile.Read(ref _open);

    public void Add(Stand stand)
    {
        lock (_gate)
        {
            _stands.Add(stand);
        }
    }

    /// <summary>From now on everybody may call for it.</summary>
    public void Add(Ware ware)
    {
        lock (_gate)
        {
            if (!_ids.Add(ware.Id))
            {
                _findings.Violation($"item id {ware.Id} was given twice");
            }
            Volatile.Write(ref _open, [.. _open, ware]);
        }
    }

    /// <summary>Closes a seller's items; their histories end and are judged.</summary>
    public async Task CloseAsync(Stand stand, CancellationToken cancel)
    {
        lock (_gate)
        {
            if (!_stands.Remove(stand))
            {
                return;
            }
            Volatile.Write(ref _open, [.. _open.Where(w => w.Stand != stand)]);
        }
        foreach (var ware in stand.Wares)
        {
            await _closed.Writer.WriteAsync(ware.History, cancel);
        }
        await _closed.Writer.WriteAsync(stand.Rating, cancel);
    }

    /// <summary>Closes everything, and returns when all is judged.</summary>
    public async Task CloseAllAsync(CancellationToken cancel)
    {
        Stand[] stands;
        lock (_gate)
        {
            stands = [.. _stands];
        }
        foreach (var stand in stands)
        {
            await CloseAsync(stand, cancel);
        }
        _closed.Writer.TryComplete();
        await _judging.WaitAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        _closed.Writer.TryComplete();
        await _judging;
    }

    private async Task JudgeAsync()
    {
        await foreach (var history in _closed.Reader.ReadAllAsync())
        {
            var judgement = history.Judge(_findings.Origin);
            _findings.Checked("histories");
            _findings.Checked("calls in histories", judgement.Calls);
            if (judgement.Verdict == Verdict.Undecided)
            {
                _findings.Checked("histories that were given up as too hard");
            }
            if (judgement.Proof is { } proof)
            {
                _findings.Violation("a history is not linearizable", proof);
            }
        }
    }
}
