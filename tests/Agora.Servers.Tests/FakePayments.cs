using Agora.Contracts.Payments;

namespace Agora.Servers.Tests;

/// <summary>
/// The payment service's rules, in memory. It approves every card but two, answers a repeated id as before, and never
/// charges after Cancel.
/// </summary>
internal sealed class FakePayments(Wire wire) : IFinancialTransactions
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TransactionState> _transactions = [];
    private readonly HashSet<string> _charged = [];

    /// <summary>A card that the bank declines.</summary>
    public const string DeclinedCard = "4000000000000002";

    /// <summary>A card that this service finds malformed and the server does not.</summary>
    public const string MalformedCard = "4000000000000010";

    public const string GoodCard = "4111111111111111";

    public TransactionState this[string transactionId]
    {
        get
        {
            lock (_lock)
            {
                return _transactions.GetValueOrDefault(transactionId);
            }
        }
    }

    /// <summary>Whether it was ever approved.</summary>
    public bool WasCharged(string transactionId)
    {
        lock (_lock)
        {
            return _charged.Contains(transactionId);
        }
    }

    public Task<TransactionState> ChargeAsync(
        string transactionId,
        string cardholderName,
        string cardNumber,
        string expirationDate,
        string securityCode,
        long amountInCents
    ) =>
        PassAsync(
            "Charge",
            () =>
            {
                if (!_transactions.TryGetValue(transactionId, out var state))
                {
                    state = cardNumber switch
                    {
                        DeclinedCard => TransactionState.Declined,
                        MalformedCard => throw new System.ServiceModel.FaultException<CardFault>(
                            new CardFault { Field = "expirationDate", Reason = "is past" },
                            new System.ServiceModel.FaultReason("malformed")
                        ),
                        _ => TransactionState.Approved,
                    };
                    _transactions[transactionId] = state;
                    if (state == TransactionState.Approved)
                    {
                        _charged.Add(transactionId);
                    }
                }

                return state;
            }
        );

    public Task<TransactionState> FindAsync(string transactionId) =>
        PassAsync("Find", () => _transactions.GetValueOrDefault(transactionId));

    public Task<TransactionState> CancelAsync(string transactionId) =>
        PassAsync(
            "Cancel",
            () =>
            {
                var state = _transactions.GetValueOrDefault(transactionId);
                return _transactions[transactionId] =
                    state == TransactionState.Declined ? state : TransactionState.Cancelled;
            }
        );

    private Task<TransactionState> PassAsync(string step, Func<TransactionState> operation) =>
        wire.PassAsync(
            step,
            () =>
            {
                lock (_lock)
                {
                    return Task.FromResult(operation());
                }
            },
            () => new System.ServiceModel.CommunicationException("lost by the test")
        );
}
