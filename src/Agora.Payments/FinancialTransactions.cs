using Agora.Contracts.Payments;

namespace Agora.Payments;

/// <summary>The service's operations: what a caller may ask, checked; what became of it, from the store.</summary>
internal sealed class FinancialTransactions(TransactionStore store, TimeProvider clock) : IFinancialTransactions
{
    // In units of UTF-16, of which a character may take two: a hundred characters of any script.
    private const int MaxText = 200;

    public async Task<TransactionState> ChargeAsync(
        string transactionId, string cardholderName, string cardNumber, string expirationDate, string securityCode,
        long amountInCents)
    {
        CheckId(transactionId);
        // A repeat gets its first answer, whatever has become of the card since: it may have expired meanwhile.
        if (await store.FindAsync(transactionId) == TransactionState.Unknown)
        {
            Check("cardholderName", WrongText(cardholderName));
            Check("cardNumber", Card.WrongNumber(cardNumber));
            Check("expirationDate", Card.WrongExpiration(expirationDate, clock.GetUtcNow()));
            Check("securityCode", Card.WrongSecurityCode(securityCode));
            Check("amountInCents", amountInCents <= 0 ? "must be more than 0" : null);
        }
        return await store.ChargeAsync(transactionId, amountInCents);
    }

    public Task<TransactionState> FindAsync(string transactionId)
    {
        CheckId(transactionId);
        return store.FindAsync(transactionId);
    }

    public Task<TransactionState> CancelAsync(string transactionId)
    {
        CheckId(transactionId);
        return store.CancelAsync(transactionId);
    }

    private static void CheckId(string? transactionId) => Check("transactionId", WrongText(transactionId));

    private static string? WrongText(string? text) =>
        string.IsNullOrWhiteSpace(text) || text.Length > MaxText ? $"must have 1 to {MaxText} characters" : null;

    private static void Check(string field, string? reason)
    {
        if (reason is not null)
        {
            throw SoapFaults.Malformed(field, reason);
        }
    }
}
