using System.Diagnostics;
using Agora.Client;

namespace Agora.Evaluation;

/// <summary>How a call ended.</summary>
internal enum Outcome : byte
{
    Success,

    /// <summary>A right answer that is not yes, such as a declined card.</summary>
    Refused,

    /// <summary>Everything else: no answer in time, or one that should not have come.</summary>
    Failed,
}

/// <summary>One measured call; times are <see cref="Stopwatch"/> timestamps.</summary>
internal readonly record struct Sample(Function Function, Outcome Outcome, long Start, long End)
{
    public TimeSpan Time => Stopwatch.GetElapsedTime(Start, End);
}

/// <summary>A call that failed, and how.</summary>
internal sealed record Failure(Function Function, string Code, string Detail)
{
    public override string ToString() => $"{Function.Role()}'s {Function.Name()}: {Code}: {Detail}";
}

/// <summary>When a client makes its calls.</summary>
/// <param name="Start">Timestamp of its first.</param>
/// <param name="Interval">Ticks of <see cref="Stopwatch"/> from one to the next; 0 to call again as soon as the answer is there.</param>
internal readonly record struct Pace(long Start, long Interval);

/// <summary>What all clients of an evaluation share: names that no other evaluation of this marketplace uses.</summary>
/// <param name="Tag">Part of every username and item name.</param>
/// <param name="FirstCategory">The first of the categories that hold this run's items.</param>
/// <param name="Authority">The file of the authority that signed the servers' certificate; null where the system knows it, or without HTTPS.</param>
internal sealed record Stall(string Tag, int FirstCategory, string? Authority = null)
{
    public const int Categories = 10;
    public const string NoItem = "0-0";
    public const string Password = "correct horse battery";

    public static IReadOnlyList<string> Keywords { get; } =
        ["red", "blue", "bike", "book", "lamp", "chair", "vintage", "small", "large", "garden", "music", "travel"];
}

/// <summary>
/// One client: an own connection and session, one call at a time, by its plan. Measured is what its user waits for: from calling the
/// client library until the answer is there, failing over included. Samples go to memory that was set aside before.
/// </summary>
internal abstract class Trader(Step[] plan, string? authority = null) : IDisposable
{
    private readonly Sample[] _samples = new Sample[plan.Length];
    private int _done;

    public ReadOnlyMemory<Sample> Samples => _samples.AsMemory(0, Done);

    /// <summary>Calls made so far; may be asked while it runs.</summary>
    public int Done => Volatile.Read(ref _done);

    public int Calls => plan.Length;

    public List<Failure> Failures { get; } = [];

    /// <summary>How often a call went on with another server.</summary>
    public int Failovers { get; private set; }

    /// <summary>The address in use; may be asked while it runs.</summary>
    public Uri Server => Client.Servers.Current;

    protected abstract MarketplaceClient Client { get; }

    protected abstract Answers AllAnswers { get; }

    public async Task RunAsync(Pace pace, CancellationToken cancel)
    {
        for (var i = 0; i < plan.Length; i++)
        {
            var start = await BeginAsync(pace, i, cancel).ConfigureAwait(false);
            var outcome = Outcome.Success;
            try
            {
                await CallAsync(plan[i].Function, new Dice(plan[i].Dice), cancel).ConfigureAwait(false);
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

    /// <summary>Makes one call and keeps what it answered. What is kept costs less than a microsecond, and is inside the measured time.</summary>
    protected abstract Task CallAsync(Function function, Dice dice, CancellationToken cancel);

    /// <summary>It may have happened or not. What is refused has not.</summary>
    protected static bool IsFailure(Function function, AgoraException e) => !function.Expects(e.Code);

    protected void LoggedIn(string token) => (AllAnswers.Token, AllAnswers.LoggedOut) = (token, false);

    protected async Task LogoutAsync(CancellationToken cancel)
    {
        await Client.LogoutAsync(cancel: cancel).ConfigureAwait(false);
        AllAnswers.LoggedOut = true;
    }

    /// <summary>Does the session that was ended last still serve? It must not.</summary>
    public async Task<bool> OutlivesLogoutAsync(CancellationToken cancel)
    {
        if (!AllAnswers.LoggedOut)
        {
            return false;
        }
        Client.Token = AllAnswers.Token;
        try
        {
            await AskAsync(cancel).ConfigureAwait(false);
            return true;
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
        {
            return false;
        }
    }

    /// <summary>Any call that needs a session and changes nothing.</summary>
    protected abstract Task AskAsync(CancellationToken cancel);

    public void Dispose() => Client.Dispose();

    /// <summary>A client that begins with one server, and counts when it goes on with another.</summary>
    protected ReplicaOptions Options(int index, int server) => new()
    {
        Start = server,
        Random = new Random(index),
        Authority = authority,
        OnChange = _ => Failovers++,
    };

    /// <summary>
    /// When the call counts as begun. Where a rate is given and the answer before came too late, that is when it was due: a user who came
    /// then waited since then. (To count from when it was sent at last would leave out the waiting that a slow system causes:
    /// coordinated omission.) Where the client slept until then, its own late waking is not the system's fault.
    /// </summary>
    private static async ValueTask<long> BeginAsync(Pace pace, int call, CancellationToken cancel)
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
            // Timers know whole milliseconds.
            await Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), cancel).ConfigureAwait(false);
        }
        return Stopwatch.GetTimestamp();
    }
}
