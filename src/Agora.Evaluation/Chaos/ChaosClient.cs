using System.Diagnostics;
using System.Globalization;
using Agora.Client;

namespace Agora.Evaluation.Chaos;

/// <summary>What the clients of a round share.</summary>
/// <param name="Options">What was asked for.</param>
/// <param name="Marketplace">Where the servers are.</param>
/// <param name="Stall">Names and categories of this round alone.</param>
/// <param name="Shop">What is on sale.</param>
/// <param name="Findings">Where everything is counted, and what is wrong is told.</param>
/// <param name="Excuses">When a call may fail.</param>
/// <param name="Closing">Ends the round: calls under way are finished, no other is begun.</param>
internal sealed record Round(
    ChaosOptions Options, IMarketplace Marketplace, Stall Stall, Shop Shop, Findings Findings, Excuses Excuses, CancellationToken Closing);

/// <summary>How a call ended for its client.</summary>
internal enum End
{
    Done,

    /// <summary>A right no.</summary>
    Refused,

    /// <summary>It failed, and has done nothing.</summary>
    NotDone,

    /// <summary>It failed, may have happened or may yet, and the client has walked away.</summary>
    Unknown,
}

/// <summary>An answer to a client; with a refusal, what it says.</summary>
internal readonly record struct Answer<T>(End End, T? Value, string Code, AgoraException? Refusal = null);

/// <summary>
/// One user after the other in the same place: opens an account, calls for a while, and leaves; then comes the next, with an account of its own. Each knows
/// exactly what it must find: it makes one call at a time, and where a call fails it asks again under the same Idempotency-Key what became of it. Now and
/// then one walks away instead; what it did not learn stays unknown for ever, and it never comes back.
/// </summary>
internal abstract class ChaosClient(Round round, string role, int place)
{
    // How long a user waits for an answer, whatever fails meanwhile. Longer than any pause that is promised, with a busy machine allowed for.
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(45);

    private const int MostRepeats = 4;
    private const int RepeatedOneIn = 6;
    private const int LongestThought = 60;

    protected Dice Dice;
    private int _calls;

    protected Round Round => round;

    protected int Place => place;

    /// <summary>The name of the account, and in histories.</summary>
    protected string Name { get; private set; } = "";

    /// <summary>It has walked away.</summary>
    protected bool IsGone { get; private set; }

    protected abstract bool IsLoggedIn { get; }

    /// <summary>There is room for what another call would have to keep.</summary>
    protected virtual bool MayGoOn => true;

    protected abstract Task LiveAsync(int server, CancellationToken cancel);

    protected abstract Task LoginAsync(CancellationToken cancel);

    protected abstract Task CallAnythingAsync(CancellationToken cancel);

    protected abstract Task LogoutAsync(CancellationToken cancel);

    /// <summary>Calls until the round closes.</summary>
    public async Task RunAsync(long seed, CancellationToken cancel)
    {
        for (var life = 0; !round.Closing.IsCancellationRequested; life++)
        {
            Dice = new(seed, role == "seller" ? 1 : 2, place, life);
            Name = string.Create(CultureInfo.InvariantCulture, $"{role}-{round.Stall.Tag}-{place}.{life}");
            (IsGone, _calls) = (false, 0);
            await LiveAsync(place + life, cancel);
        }
    }

    /// <summary>A user's day: logs in, calls whatever comes to mind, logs in again when logged out, until so many calls are made or the round closes; logs out.</summary>
    protected async Task CallAroundAsync(int calls, CancellationToken cancel)
    {
        while (_calls < calls && MayGoOn && !IsGone && !round.Closing.IsCancellationRequested)
        {
            await (IsLoggedIn ? CallAnythingAsync(cancel) : LoginAsync(cancel));
            await ThinkAsync();
        }
        if (!IsGone && IsLoggedIn)
        {
            await LogoutAsync(cancel);
        }
    }

    // So that a user is one and not a hundred.
    private async Task ThinkAsync()
    {
        try
        {
            await Task.Delay(Dice.Below(LongestThought), round.Closing);
        }
        catch (OperationCanceledException)
        {
            // The round closes: whoever thinks is done.
        }
    }

    protected ReplicaOptions Options(int server) => new() { Start = server, Deadline = Patience, Random = new Random((int)(Dice.Next() >> 33)) };

    /// <summary>Calls, and asks again until it is known what became of it, or the user walks away.</summary>
    /// <param name="function">What is called.</param>
    /// <param name="call">The call, under the key that it is given.</param>
    /// <param name="right">Codes that are right answers besides those that the function may always give.</param>
    protected async Task<Answer<T>> CallAsync<T>(Function function, Func<string, Task<T>> call, params string[] right)
    {
        _calls++;
        var key = string.Create(CultureInfo.InvariantCulture, $"{Dice.Next():x16}{Dice.Next():x16}");
        var mayHaveHappened = false;
        for (var repeats = 0; ; repeats++)
        {
            var invoked = Stopwatch.GetTimestamp();
            try
            {
                var value = await call(key);
                round.Findings.Answered(function, Outcome.Success, invoked);
                return new(End.Done, function.IsRepeatable() && Dice.Below(RepeatedOneIn) == 0 ? await AgainAsync(function, call, key, value) : value, "");
            }
            catch (AgoraException e) when (function.Expects(e.Code) || right.Contains(e.Code))
            {
                round.Findings.Answered(function, Outcome.Refused, invoked);
                return new(End.Refused, default, e.Code, e);
            }
            catch (AgoraException e) when (e.Code is ErrorCodes.Unavailable or ErrorCodes.TooManyRequests)
            {
                round.Findings.Failed(function);
                if (!round.Excuses.MayFail(function, invoked))
                {
                    round.Findings.UnexpectedFailure(string.Create(CultureInfo.InvariantCulture,
                        $"{Name}: {function.Name()} failed after {Stopwatch.GetElapsedTime(invoked).TotalSeconds:0.0} s: {e.Detail}"));
                }
                mayHaveHappened |= e.OutcomeUnknown;
            }
            catch (AgoraException e)
            {
                round.Findings.Violation($"{Name}: {function.Name()} was answered {e.Status} {e.Code}: {e.Detail}");
                IsGone = true;
                return new(End.Unknown, default, e.Code);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                round.Findings.Violation($"{Name}: {function.Name()} threw {e.GetType().Name} out of the client", $"{e}");
                IsGone = true;
                return new(End.Unknown, default, "");
            }
            // A second Login is another session; the first, if there is one, has a token that nobody knows.
            if (!mayHaveHappened && function is not (Function.BuyerLogin or Function.SellerLogin))
            {
                return new(End.NotDone, default, "");
            }
            if (round.Closing.IsCancellationRequested || repeats == MostRepeats || Dice.Below(4) == 0)
            {
                round.Findings.LeftUnknown(function);
                IsGone = true;
                return new(End.Unknown, default, "");
            }
        }
    }

    // The answer is taken as lost, as if the connection had broken: the same call again, through whichever server. It must change nothing more, and be
    // answered as before; so its answer is given to the model in place of the first.
    private async Task<T> AgainAsync<T>(Function function, Func<string, Task<T>> call, string key, T first)
    {
        var invoked = Stopwatch.GetTimestamp();
        try
        {
            var value = await call(key);
            round.Findings.Checked("calls made again under the key under which they had been answered");
            return value;
        }
        catch (AgoraException e) when (e.Code is ErrorCodes.Unavailable or ErrorCodes.TooManyRequests)
        {
            // What became of the call is known from the first answer.
            round.Findings.Failed(function);
            if (!round.Excuses.MayFail(function, invoked))
            {
                round.Findings.UnexpectedFailure(string.Create(CultureInfo.InvariantCulture,
                    $"{Name}: {function.Name()}, made again, failed after {Stopwatch.GetElapsedTime(invoked).TotalSeconds:0.0} s: {e.Detail}"));
            }
        }
        catch (AgoraException e)
        {
            round.Findings.Violation($"{Name}: {function.Name()} was answered with yes, and, made again under the same key, {e.Status} {e.Code}: {e.Detail}");
        }
        return first;
    }

    /// <summary>An answer is compared with what it must be.</summary>
    protected void Check(string what, bool holds, Func<string> wrong)
    {
        round.Findings.Checked(what);
        if (!holds)
        {
            round.Findings.Violation($"{Name}: {wrong()}");
        }
    }

    /// <summary>Ends the session and looks, through another server, whether it has ended.</summary>
    protected async Task LogoutAsync(MarketplaceClient through, MarketplaceClient other, Function logout, Function read, Func<Task> readAgain, Answers answers)
    {
        var token = through.Token;
        var ended = await CallAsync(logout, async key =>
        {
            // A repeat goes out under the session that the first try may have ended.
            through.Token = token;
            await through.LogoutAsync(key);
            return true;
        });
        if (ended.End != End.Done)
        {
            return;
        }
        answers.LoggedOut = true;
        other.Token = token;
        var served = await CallAsync(read, async _ =>
        {
            await readAgain();
            return true;
        }, ErrorCodes.NotLoggedIn);
        if (served.End is End.Done or End.Refused)
        {
            Check("ended sessions", served.End == End.Refused, () => $"a session still serves {read.Name()} after its Logout was answered");
        }
        (through.Token, other.Token) = (null, null);
    }
}
