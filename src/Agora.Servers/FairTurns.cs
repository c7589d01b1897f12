using System.Net;

namespace Agora.Servers;

/// <summary>
/// Lets a few calls run at a time. The others wait, and clients take turns: if one client sends a thousand calls, only
/// one of them runs between two calls of another client. The queue is bounded. When it is full, the client with the
/// most waiting calls loses one, so that no client keeps others out.
/// </summary>
/// <param name="atOnce">How many calls run at a time.</param>
/// <param name="maxWaiting">How many calls may wait.</param>
internal sealed class FairTurns(int atOnce, int maxWaiting)
{
    // Not applied to a client on this machine: it may be a proxy or a load test that acts for many users.
    private readonly int _maxWaitingOfClient = Math.Max(1, maxWaiting / 2);
    private readonly Lock _lock = new();
    private readonly Dictionary<IPAddress, LinkedList<TaskCompletionSource>> _waiting = [];

    // Every client that waits; the next turn is the first one's.
    private readonly Queue<IPAddress> _turnOrder = new();
    private int _freeTurns = atOnce;
    private int _waitingCount;

    /// <summary>Waits for a turn; <see cref="Leave"/> ends it.</summary>
    /// <exception cref="TooManyWaitingException">This client has too many calls waiting.</exception>
    /// <exception cref="UnavailableException">Too many calls wait, or it took too long.</exception>
    public async Task EnterAsync(IPAddress client, CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource> place;
        lock (_lock)
        {
            if (_freeTurns > 0)
            {
                _freeTurns--;
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

    /// <summary>Ends a turn: the first call of the next client runs.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            while (_turnOrder.TryDequeue(out var client))
            {
                // A client whose calls all stopped waiting is still in the order.
                if (_waiting.TryGetValue(client, out var places))
                {
                    var first = places.First!;
                    Remove(client, first);
                    if (places.Count > 0)
                    {
                        _turnOrder.Enqueue(client);
                    }

                    first.Value.SetResult();
                    return;
                }
            }

            _freeTurns++;
        }
    }

    private LinkedListNode<TaskCompletionSource> Join(IPAddress client)
    {
        var own = _waiting.GetValueOrDefault(client);
        var count = own?.Count ?? 0;
        if (count >= _maxWaitingOfClient && !IPAddress.IsLoopback(client))
        {
            throw new TooManyWaitingException();
        }

        if (_waitingCount >= maxWaiting)
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
            if (!_turnOrder.Contains(client))
            {
                _turnOrder.Enqueue(client);
            }
        }

        _waitingCount++;
        return own.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }

    private void Remove(IPAddress client, LinkedListNode<TaskCompletionSource> place)
    {
        if (place.List is { } places)
        {
            places.Remove(place);
            _waitingCount--;
            if (places.Count == 0)
            {
                _waiting.Remove(client);
            }
        }
    }

    private static UnavailableException Busy(Exception? inner = null) =>
        new("The login service, which many use now,", inner);
}
