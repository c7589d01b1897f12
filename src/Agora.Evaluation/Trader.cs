using System.Diagnostics;
using Agora.Client;
using Agora.Lab;
using Agora.Rest;

namespace Agora.Evaluation;

/// <summary>
/// One client, with its own connection and session. It makes one call at a time, as its plan says. It measures what its
/// user waits for: from calling the client library until the answer is there, failover included. Samples go to memory
/// that was allocated before.
/// </summary>
internal abstract class Trader(PlannedCall[] plan, string? authority = null) : IDisposable
{
    private readonly CallSample[] _samples = new CallSample[plan.Length];
    private int _done;

    public ReadOnlyMemory<CallSample> Samples => _samples.AsMemory(0, Done);

    /// <summary>Calls made so far; readable while the client runs.</summary>
    public int Done => Volatile.Read(ref _done);

    public int Calls => plan.Length;

    public List<CallFailure> Failures { get; } = [];

    /// <summary>How often a call went on with another server.</summary>
    public int Failovers { get; private set; }

    /// <summary>The address in use; readable while the client runs.</summary>
    public Uri Server => Client.Servers.Current;

    protected abstract MarketplaceClient Client { get; }

    protected abstract ClientAnswers AllAnswers { get; }

    public async Task RunAsync(Pace pace, CancellationToken cancellationToken)
    {
        for (var i = 0; i < plan.Length; i++)
        {
            var start = await BeginAsync(pace, i, cancellationToken);
            var outcome = Outcome.Success;
            try
            {
                await CallAsync(plan[i].Function, new SeededRandom(plan[i].Seed), cancellationToken);
            }
            catch (AgoraException e)
            {
                outcome = plan[i].Function.Expects(e.Code) ? Outcome.Refused : Outcome.Failed;
                if (outcome == Outcome.Failed)
                {
                    Failures.Add(new(plan[i].Function, e.Code, e.Detail));
                }
            }

            _samples[i] = new(plan[i].Function, outcome, start, Stopwatch.GetTimestamp());
            Volatile.Write(ref _done, i + 1);
        }
    }

    /// <summary>
    /// Makes one call and keeps its answer. Keeping it costs less than a microsecond, inside the measured time.
    /// </summary>
    protected abstract Task CallAsync(
        MarketplaceFunction function,
        SeededRandom random,
        CancellationToken cancellationToken
    );

    /// <summary>
    /// Whether the call failed, so that it may have happened or not. A refused call has not happened.
    /// </summary>
    protected static bool IsFailure(MarketplaceFunction function, AgoraException e) => !function.Expects(e.Code);

    protected void LoggedIn(string token) => (AllAnswers.Token, AllAnswers.LoggedOut) = (token, false);

    protected async Task LogoutAsync(CancellationToken cancellationToken)
    {
        await Client.LogoutAsync(cancellationToken: cancellationToken);
        AllAnswers.LoggedOut = true;
    }

    /// <summary>Whether the session that ended last still serves, which it must not.</summary>
    public async Task<bool> OutlivesLogoutAsync(CancellationToken cancellationToken)
    {
        if (!AllAnswers.LoggedOut)
        {
            return false;
        }

        Client.Token = AllAnswers.Token;
        try
        {
            await AskAsync(cancellationToken);
            return true;
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
        {
            return false;
        }
    }

    /// <summary>Any call that needs a session and changes nothing.</summary>
    protected abstract Task AskAsync(CancellationToken cancellationToken);

    public void Dispose() => Client.Dispose();

    /// <summary>Options of a client that begins with one server, and counts when it goes on with another.</summary>
    protected ReplicaOptions Options(int index, int server) =>
        new()
        {
            Start = server,
            Random = new Random(index),
            Authority = authority,
            OnChange = _ => Failovers++,
        };

    /// <summary>
    /// When the call counts as begun. With a rate, where the answer before came too late, that is when the call was
    /// due: a user who came then has waited since. (Counting from when it was sent would leave out the waiting that a
    /// slow system causes: coordinated omission.) Where the client slept until then, its late waking is not the
    /// system's fault, and the call counts from the waking.
    /// </summary>
    private static async ValueTask<long> BeginAsync(Pace pace, int call, CancellationToken cancellationToken)
    {
        if (call > 0 && pace.Interval == 0)
        {
            return Stopwatch.GetTimestamp();
        }

        var due = pace.Start + call * pace.Interval;
        if (Stopwatch.GetTimestamp() >= due)
        {
            return due;
        }

        while (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due) is var wait && wait > TimeSpan.Zero)
        {
            // Timers count whole milliseconds.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), cancellationToken);
        }

        return Stopwatch.GetTimestamp();
    }
}
