using System.Globalization;
using Agora.Client;
using Agora.Evaluation;
using Agora.Lab;
using Agora.Rest;

namespace Agora.Chaos;

/// <summary>Which user a client is.</summary>
/// <param name="Role"><c>seller</c> or <c>buyer</c>.</param>
/// <param name="Place">The place among the clients of its role. One user follows another in it.</param>
/// <param name="Life">How many users were in the place before.</param>
internal readonly record struct ChaosUser(string Role, int Place, int Life)
{
    public bool IsSeller => Role == "seller";
}

/// <summary>
/// One user: opens an account, calls for a while, and leaves. It knows exactly what each call must show, because it
/// makes one call at a time. Where a call fails, it asks again under the same Idempotency-Key what became of the call.
/// Now and then it walks away instead: then what it did not learn stays unknown, and it never comes back.
/// </summary>
internal abstract class ChaosClient : IDisposable
{
    // How long a user waits for an answer, whatever fails meanwhile. Longer than any pause that is promised, with room
    // for a busy machine.
    public static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(45);

    private const int MaxRepeats = 4;
    private const int RepeatedOneIn = 6;
    private const int MaxThinkMilliseconds = 60;

    protected SeededRandom Random;
    private int _calls;

    protected ChaosClient(Round round, ChaosUser user)
    {
        Round = round;
        User = user;
        var seed = unchecked((round.Options.Seed * 1_000_003) + round.Number);
        Random = new(seed, user.IsSeller ? 1 : 2, user.Place, user.Life);
        Name = string.Create(CultureInfo.InvariantCulture, $"{user.Role}-{round.Names.Tag}-{user.Place}.{user.Life}");
    }

    protected Round Round { get; }

    protected ChaosUser User { get; }

    /// <summary>The name of the account, also in histories.</summary>
    protected string Name { get; }

    /// <summary>The user has walked away.</summary>
    protected bool IsGone { get; private set; }

    protected abstract bool IsLoggedIn { get; }

    /// <summary>There is room for what another call would have to keep.</summary>
    protected virtual bool MayGoOn => true;

    /// <summary>Opens the account, calls, and leaves.</summary>
    public abstract Task LiveAsync(CancellationToken cancellationToken);

    protected abstract Task LoginAsync(CancellationToken cancellationToken);

    protected abstract Task CallAnythingAsync(CancellationToken cancellationToken);

    protected abstract Task LogoutAsync(CancellationToken cancellationToken);

    public abstract void Dispose();

    /// <summary>
    /// Logs in, calls functions at random, and logs in again when logged out, until the user has made this many calls
    /// or the round closes. Then logs out.
    /// </summary>
    protected async Task CallAroundAsync(int calls, CancellationToken cancellationToken)
    {
        while (_calls < calls && MayGoOn && !IsGone && !Round.Closing.IsCancellationRequested)
        {
            await (IsLoggedIn ? CallAnythingAsync(cancellationToken) : LoginAsync(cancellationToken));
            await ThinkAsync();
        }

        if (!IsGone && IsLoggedIn)
        {
            await LogoutAsync(cancellationToken);
        }
    }

    // So that one client makes the load of one user, not of a hundred.
    private async Task ThinkAsync()
    {
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Below(MaxThinkMilliseconds)), Round.Time, Round.Closing);
        }
        catch (OperationCanceledException)
        {
            // The round closes, so the user makes no further call.
        }
    }

    /// <summary>Options of a client that begins with the user's own server, or one some places after it.</summary>
    protected ReplicaOptions Options(int offset) =>
        new()
        {
            Start = User.Place + User.Life + offset,
            Deadline = AnswerTimeout,
            Random = new Random((int)(Random.Next() >> 33)),
        };

    /// <summary>Calls, and asks again until it is known what became of the call, or the user walks away.</summary>
    /// <param name="function">What is called.</param>
    /// <param name="call">The call, under the key that it gets.</param>
    /// <param name="right">Codes of right refusals besides those that the function may always give.</param>
    protected async Task<CallResult<T>> CallAsync<T>(
        MarketplaceFunction function,
        Func<string, Task<T>> call,
        params string[] right
    )
    {
        _calls++;
        var key = string.Create(CultureInfo.InvariantCulture, $"{Random.Next():x16}{Random.Next():x16}");
        var mayHaveHappened = false;
        for (var repeats = 0; ; repeats++)
        {
            var invoked = Round.Time.GetTimestamp();
            try
            {
                var value = await call(key);
                Round.Findings.Answered(function, Outcome.Success, invoked);
                return new(
                    CallEnd.Done,
                    function.IsRepeatable() && Random.Below(RepeatedOneIn) == 0
                        ? await AgainAsync(function, call, key, value)
                        : value,
                    ""
                );
            }
            catch (AgoraException e) when (function.Expects(e.Code) || right.Contains(e.Code))
            {
                Round.Findings.Answered(function, Outcome.Refused, invoked);
                return new(CallEnd.Refused, default, e.Code, e);
            }
            catch (AgoraException e) when (e.Code is ErrorCodes.Unavailable or ErrorCodes.TooManyRequests)
            {
                Failed(function, invoked, function.Name(), e);
                mayHaveHappened |= e.OutcomeUnknown;
            }
            catch (AgoraException e)
            {
                Round.Findings.Violation($"{Name}: {function.Name()} was answered {e.Status} {e.Code}: {e.Detail}");
                IsGone = true;
                return new(CallEnd.Unknown, default, e.Code);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Round.Findings.Violation(
                    $"{Name}: {function.Name()} threw {e.GetType().Name} out of the client",
                    $"{e}"
                );
                IsGone = true;
                return new(CallEnd.Unknown, default, "");
            }
            // A second Login opens another session. The first one, if there is one, has a token that no client knows.
            if (!mayHaveHappened && function is not (MarketplaceFunction.BuyerLogin or MarketplaceFunction.SellerLogin))
            {
                return new(CallEnd.NotDone, default, "");
            }

            if (Round.Closing.IsCancellationRequested || repeats == MaxRepeats || Random.Below(4) == 0)
            {
                Round.Findings.LeftUnknown(function);
                IsGone = true;
                return new(CallEnd.Unknown, default, "");
            }
        }
    }

    // Treats the answer as lost, as if the connection had broken, and makes the same call again through any server. The
    // repeat must change nothing more, and have the same answer. So the model gets its answer in place of the first.
    private async Task<T> AgainAsync<T>(MarketplaceFunction function, Func<string, Task<T>> call, string key, T first)
    {
        var invoked = Round.Time.GetTimestamp();
        try
        {
            var value = await call(key);
            Round.Findings.Checked("calls made again under the key under which they had been answered");
            return value;
        }
        catch (AgoraException e) when (e.Code is ErrorCodes.Unavailable or ErrorCodes.TooManyRequests)
        {
            // The first answer says what became of the call.
            Failed(function, invoked, $"{function.Name()}, made again,", e);
        }
        catch (AgoraException e)
        {
            Round.Findings.Violation(
                $"{Name}: {function.Name()} succeeded, and, made again under the same key, was answered "
                    + $"{e.Status} {e.Code}: {e.Detail}"
            );
        }

        return first;
    }

    private void Failed(MarketplaceFunction function, long invoked, string what, AgoraException failure)
    {
        Round.Findings.Failed(function);
        if (!Round.Allowed.MayFail(function, invoked))
        {
            var seconds = Round.Time.GetElapsedTime(invoked).TotalSeconds;
            Round.Findings.UnexpectedFailure(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Name}: {what} failed after {seconds:0.0} s: {failure.Detail}"
                )
            );
        }
    }

    /// <summary>Compares an answer with what it must be.</summary>
    protected void Check(string what, bool holds, Func<string> wrong)
    {
        Round.Findings.Checked(what);
        if (!holds)
        {
            Round.Findings.Violation($"{Name}: {wrong()}");
        }
    }

    /// <summary>Ends the session and checks, through another server, that it has ended.</summary>
    protected async Task LogoutAsync(
        MarketplaceClient through,
        MarketplaceClient other,
        MarketplaceFunction logout,
        MarketplaceFunction read,
        Func<Task> readAgain,
        ClientAnswers answers
    )
    {
        var token = through.Token;
        var ended = await CallAsync(
            logout,
            async key =>
            {
                // A repeat carries the session that the first try may have ended.
                through.Token = token;
                await through.LogoutAsync(key);
                return true;
            }
        );
        if (ended.End != CallEnd.Done)
        {
            return;
        }

        answers.LoggedOut = true;
        other.Token = token;
        var served = await CallAsync(
            read,
            async _ =>
            {
                await readAgain();
                return true;
            },
            ErrorCodes.NotLoggedIn
        );
        if (served.End is CallEnd.Done or CallEnd.Refused)
        {
            Check(
                "ended sessions",
                served.End == CallEnd.Refused,
                () => $"a session still serves {read.Name()} after its Logout was answered"
            );
        }

        (through.Token, other.Token) = (null, null);
    }
}
