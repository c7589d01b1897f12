using Agora.Client;
using Agora.Commands;
using Agora.Rest;

namespace Agora.Trading;

/// <summary>
/// Writes why a command of a seller or buyer failed, and for people also what to do next.
/// </summary>
/// <param name="errors">Receives the lines.</param>
/// <param name="user">The person who reads them.</param>
/// <param name="output">Receives tables; the same as that of <paramref name="errors"/>.</param>
/// <param name="spell">Turns a command into what the person must type.</param>
internal sealed class TradeErrorWriter(ErrorWriter errors, User user, TextWriter output, Func<string, string> spell)
{
    /// <param name="e">The failure.</param>
    /// <param name="expectedTotal">The total that the buyer has agreed to; null for none.</param>
    /// <param name="isLogin">The command that failed is itself a login.</param>
    public void Write(AgoraException e, decimal? expectedTotal, bool isLogin)
    {
        if (errors.IsJson)
        {
            errors.Write(e, expectedTotal);
            return;
        }

        // Fields are easier to read one a line than joined in the detail.
        errors.Line(
            e.Errors.Count > 0 && e.Errors.Values.SelectMany(reasons => reasons).All(e.Detail.Contains)
                ? $"{e.Code}: fix this and try again."
                : $"{e.Code}: {e.Detail}"
        );
        foreach (var (field, reasons) in e.Errors)
        {
            errors.Line($"  {field}: {string.Join("; ", reasons)}");
        }

        if (e.Lines.Count > 0)
        {
            user.Write(output, Layouts.Cart(e.Lines, e.Total));
        }

        if (e.Code == ErrorCodes.PriceChanged && e.Total is { } total)
        {
            var again = spell($"buy --total {Layouts.Money(total)}");
            errors.Line($"Nothing was charged. To buy for what it costs now: {again}");
        }

        if (e.RetryAfter is { } wait)
        {
            errors.Line($"Try again {Layouts.After(wait, DateTimeOffset.UtcNow)}.");
        }

        if (e.Code == ErrorCodes.NotLoggedIn && !isLogin)
        {
            errors.Line($"Log in with: {spell("login")}");
        }

        // The answer under an expired key is gone: its detail says what to do instead.
        if (e is { OutcomeUnknown: true, Code: not ErrorCodes.KeyExpired, IdempotencyKey: { } key } && !isLogin)
        {
            errors.Line("It may have happened all the same. " + HowToRepeat(key, expectedTotal));
        }

        if (e is { Status: 500, RequestId: { } id })
        {
            errors.Line($"The server's log names this call {id}.");
        }

        if (e.Status == 0)
        {
            errors.Line("Is the marketplace up? See: agora status");
        }
    }

    /// <param name="e">The cancellation.</param>
    /// <param name="expectedTotal">The total that the buyer has agreed to; null for none.</param>
    /// <param name="isLogin">The command that was stopped is itself a login.</param>
    public void Write(CallCanceledException e, decimal? expectedTotal, bool isLogin)
    {
        errors.Write(e, expectedTotal);
        if (e.OutcomeUnknown && !errors.IsJson && !isLogin)
        {
            errors.Line(HowToRepeat(e.IdempotencyKey!, expectedTotal));
        }
    }

    // Login ignores the key: each repeat begins a session of its own, and one whose token nobody got ends unused.
    // A purchase for another total would be another request, so the repeat names the total too.
    private static string HowToRepeat(string key, decimal? expectedTotal)
    {
        var total = expectedTotal is { } agreed ? $" --total {Layouts.Money(agreed)}" : "";
        return $"Repeated with this, it does not happen twice: --idempotency-key {key}{total}";
    }
}
