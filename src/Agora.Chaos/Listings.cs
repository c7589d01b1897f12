using System.Threading.Channels;
using Agora.Linearizability;

namespace Agora.Chaos;

/// <summary>
/// What all clients of a round share: the items that are open to all users. When an item closes, its history is judged.
/// Thread-safe.
/// </summary>
internal sealed class Listings : IAsyncDisposable
{
    // How many closed histories may wait for judgement. More make their sellers wait, so that memory stays bounded.
    private const int MaxWaiting = 256;

    private readonly Lock _gate = new();
    private readonly List<ListedSeller> _sellers = [];
    private readonly HashSet<string> _ids = [];
    private readonly Findings _findings;
    private readonly Channel<JudgedHistory> _closed = Channel.CreateBounded<JudgedHistory>(MaxWaiting);
    private readonly Task _judging;
    private ListedItem[] _open = [];

    public Listings(Findings findings)
    {
        _findings = findings;
        _judging = Task.Run(JudgeAsync);
    }

    /// <summary>Every item that is open.</summary>
    public IReadOnlyList<ListedItem> Open => Volatile.Read(ref _open);

    public void Add(ListedSeller seller)
    {
        lock (_gate)
        {
            _sellers.Add(seller);
        }
    }

    /// <summary>Opens an item to all users.</summary>
    public void Add(ListedItem item)
    {
        lock (_gate)
        {
            if (!_ids.Add(item.Id))
            {
                _findings.Violation($"item id {item.Id} was assigned twice");
            }

            Volatile.Write(ref _open, [.. _open, item]);
        }
    }

    /// <summary>Closes a seller's items, and has their histories judged.</summary>
    public async Task CloseAsync(ListedSeller seller, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_sellers.Remove(seller))
            {
                return;
            }

            Volatile.Write(ref _open, [.. _open.Where(i => i.Seller != seller)]);
        }

        foreach (var item in seller.Items)
        {
            await _closed.Writer.WriteAsync(item.History, cancellationToken);
        }

        await _closed.Writer.WriteAsync(seller.Rating, cancellationToken);
    }

    /// <summary>Closes all items, and returns when all histories are judged.</summary>
    public async Task CloseAllAsync(CancellationToken cancellationToken)
    {
        ListedSeller[] sellers;
        lock (_gate)
        {
            sellers = [.. _sellers];
        }

        foreach (var seller in sellers)
        {
            await CloseAsync(seller, cancellationToken);
        }

        _closed.Writer.TryComplete();
        await _judging.WaitAsync(cancellationToken);
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
