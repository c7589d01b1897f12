using Agora.Contracts.Payments;

namespace Agora.Payments;

/// <summary>The service's operations: checks the request, then asks the store.</summary>
internal sealed class FinancialTransactions(TransactionStore store, TimeProvider clock) : IFinancialTransactions
{
    // In UTF-16 units, of which a character takes at most two: a hundred characters of any script fit.
    private const int MaxTextLength = 200;

    public Task<TransactionState> ChargeAsync(
        string transactionId,
        string cardholderName,
        string cardNumber,
        string expirationDate,
        string securityCode,
        long amountInCents
    ) =>
        PaymentMetrics.MeasureAsync(
            "charge",
            () =>
                CheckedChargeAsync(
                    transactionId,
                    cardholderName,
                    cardNumber,
                    expirationDate,
                    securityCode,
                    amountInCents
                )
        );

    private async Task<TransactionState> CheckedChargeAsync(
        string transactionId,
        string cardholderName,
        string cardNumber,
        string expirationDate,
        string securityCode,
        long amountInCents
    )
    {
        CheckId(transactionId);
        // A repeat gets its first answer, even if the card has expired since.
        if (await store.FindAsync(transactionId) == TransactionState.Unknown)
        {
            Check("cardholderName", WrongText(cardholderName));
            Check("cardNumber", CardRules.WrongNumber(cardNumber));
            Check("expirationDate", CardRules.WrongExpiration(expirationDate, clock.GetUtcNow()));
            Check("securityCode", CardRules.WrongSecurityCode(securityCode));
            Check("amountInCents", amountInCents <= 0 ? "must be more than 0" : null);
        }

        return await store.ChargeAsync(transactionId, amountInCents);
    }

    public Task<TransactionState> FindAsync(string transactionId) =>
        PaymentMetrics.MeasureAsync(
            "find",
            () =>
            {
                CheckId(transactionId);
                return store.FindAsync(transactionId);
            }
        );

    public Task<TransactionState> CancelAsync(string transactionId) =>
        PaymentMetrics.MeasureAsync(
            "cancel",
            () =>
            {
                CheckId(transactionId);
                return store.CancelAsync(transactionId);
            }
        );

    private static void CheckId(string? transactionId) => Check("transactionId", WrongText(transactionId));

    private static string? WrongText(string? text) =>
        string.IsNullOrWhiteSpace(text) || text.Length > MaxTextLength
            ? $"must have 1 to {MaxTextLength} characters"
            : null;

    private static void Check(string field, string? reason)
    {
        if (reason is not null)
        {
            throw SoapFaults.Malformed(field, reason);
        }
    }
}
