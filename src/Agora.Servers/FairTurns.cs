using System.Net;

namespace Agora.Servers;

/// <summary>
/// Lets a few go on at a time, and the others wait, in turn by client and not by arrival: of a thousand that one client sends, one goes on between two of
/// another's. Bounded: where too many wait, the client that has the most waiting gives way, so that nobody is kept out by somebody else's calls.
/// </summary>
/// <param name="atOnce">How many go on at a time.</param>
/// <param name="maxWaiting">How many wait at most.</param>
internal sealed class FairTurns(int atOnce, int maxWaiting)
{
    // A client on this machine may stand for all there are: a proxy, or a load test.
    private readonly int _maxOfClient = Math.Max(1, maxWaiting / 2);
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, LinkedList<TaskCompletionSource>> _waiting = [];

    // Every client that waits, the one whose turn is next in front.
    private readonly Queue<IPAddress> _clients = new();
    private int _free = atOnce;
    private int _count;

    /// <summary>Waits for a turn, which ends with <see cref="Leave"/>.</summary>
    /// <exception cref="TooManyWaitingException">This client has as many waiting as it may.</exception>
    /// <exception cref="UnavailableException">Too many wait, or it took too long.</exception>
    public async Task EnterAsync(IPAddress client, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }
            place = Join(client);
        }
        try
        {
            await place.Value.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException e)
        {
            bool hasTurn;
            lock (_lock)
            {
                hasTurn = place.List is null && place.Value.Task.IsCompletedSuccessfully;
                Remove(client, place);
            }
            if (hasTurn)
            {
                Leave();
            }
            throw Busy(e);
        }
    }

    /// <summary>Ends a turn: the next client's first goes on.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            while (_clients.TryDequeue(out var client))
            {
                // One that has given up waiting is still in the queue of clients.
                if (_waiting.TryGetValue(client, out var places))
                {
                    var first = places.First!;
                    Remove(client, first);
                    if (places.Count > 0)
                    {
                        _clients.Enqueue(client);
                    }
                    first.Value.SetResult();
                    return;
                }
            }
            _free++;
        }
    }

    private LinkedListNode<TaskCompletionSource> Join(IPAddress client)
    {
        var own = _waiting.GetValueOrDefault(client);
        var count = own?.Count ?? 0;
        if (count >= _maxOfClient && !IPAddress.IsLoopback(client))
        {
            throw new TooManyWaitingException();
        }
        if (_count >= maxWaiting)
        {
            var (most, places) = _waiting.MaxBy(c => c.Value.Count);
            if (places.Count <= count + 1)
            {
                throw Busy();
            }
            var last = places.Last!;
            Remove(most, last);
            last.Value.SetException(Busy());
        }
        if (own is null || own.Count == 0)
        {
            _waiting[client] = own = [];
            if (!_clients.Contains(client))
            {
                _clients.Enqueue(client);
            }
        }
        _count++;
        return own.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    private void Remove(IPAddress client, LinkedListNode<TaskCompletionSource> place)
    {
        if (place.List is { } places)
        {
            places.Remove(place);
            _count--;
            if (places.Count == 0)
            {
                _waiting.Remove(client);
            }
        }
    }

    private static UnavailableException Busy(Exception? inner = null) => new("The login service, which many use now,", inner);
}

/// <summary>A client has as many calls waiting for the same thing as one may have.</summary>
internal sealed class TooManyWaitingException : Exception
{
    public TooManyWaitingException()
        : base("This client has too many logins waiting.")
    {
    }
}
