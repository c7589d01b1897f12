namespace Agora.Servers.Tests;

/// <summary>
/// The wire between the servers and the three services behind them. It records every step by its name (a command's
/// kind, the name of a query or an operation), and a test can lose requests or answers here.
/// </summary>
public sealed class Wire
{
    private readonly Lock _lock = new();
    private readonly List<string> _steps = [];

    /// <summary>Called before a step is delivered: false loses the request.</summary>
    public Func<string, Task<bool>> Request { get; set; } = _ => Task.FromResult(true);

    /// <summary>Called when a step is done: false loses the answer.</summary>
    public Func<string, Task<bool>> Answer { get; set; } = _ => Task.FromResult(true);

    /// <summary>Called at each loss, before the caller sees the failure.</summary>
    public Action OnLoss { get; set; } = () => { };

    /// <summary>The steps that were delivered.</summary>
    public IReadOnlyList<string> Steps
    {
        get
        {
            lock (_lock)
            {
                return [.. _steps];
            }
        }
    }

    /// <summary>Forgets the steps and loses nothing any more.</summary>
    public void Reset()
    {
        Request = Answer = _ => Task.FromResult(true);
        lock (_lock)
        {
            _steps.Clear();
        }
    }

    internal async Task<T> PassAsync<T>(string step, Func<Task<T>> deliver, Func<Exception> lost)
    {
        if (!await Request(step))
        {
            OnLoss();
            throw lost();
        }

        lock (_lock)
        {
            _steps.Add(step);
        }

        var answer = await deliver();
        if (!await Answer(step))
        {
            OnLoss();
            throw lost();
        }

        return answer;
    }
}
