using Agora.Contracts.Payments;
using Grpc.Core;
using Grpc.Core.Interceptors;
using CustomersRequest = Agora.Contracts.Customers.ExecuteRequest;
using ProductsRequest = Agora.Contracts.Products.ExecuteRequest;

namespace Agora.Servers.Tests;

/// <summary>
/// What passes between the servers and the three services behind them: every step by its name (a command's kind, a query's or an
/// operation's name), in order; and the place where a test loses requests or answers.
/// </summary>
public sealed class Wire
{
    private readonly Lock _lock = new();
    private readonly List<string> _steps = [];

    /// <summary>Asked before a step is delivered; whether it gets there.</summary>
    public Func<string, Task<bool>> Request { get; set; } = _ => Task.FromResult(true);

    /// <summary>Asked when a step has been done; whether its answer gets back.</summary>
    public Func<string, Task<bool>> Answer { get; set; } = _ => Task.FromResult(true);

    /// <summary>Told of each loss, before whoever waits for an answer is.</summary>
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

    /// <summary>Forgets the steps, and loses nothing any more.</summary>
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

internal sealed class WireInterceptor(Wire wire) : Interceptor
{
    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        var step = request switch
        {
            CustomersRequest customers => customers.Command.KindCase.ToString(),
            ProductsRequest products => products.Command.KindCase.ToString(),
            _ => context.Method[(context.Method.LastIndexOf('/') + 1)..],
        };
        return step == "GetStatus" ? continuation(request, context)
            : wire.PassAsync(step, () => continuation(request, context), Lost);

        static RpcException Lost() => new(new Status(StatusCode.Unavailable, "lost by the test"));
    }
}

/// <summary>
/// The payment service's rules, in memory: approves unless told otherwise, answers an id as it did before, and after Cancel never charges.
/// </summary>
internal sealed class FakePayments(Wire wire) : IFinancialTransactions
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, TransactionState> _transactions = [];
    private readonly HashSet<string> _charged = [];

    /// <summary>Cards that the bank declines.</summary>
    public const string DeclinedCard = "4000000000000002";

    /// <summary>A card that this service finds malformed, although the server did not.</summary>
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

    /// <summary>Whether it was approved once, whatever has become of it.</summary>
    public bool WasCharged(string transactionId)
    {
        lock (_lock)
        {
            return _charged.Contains(transactionId);
        }
    }

    public Task<TransactionState> ChargeAsync(
        string transactionId, string cardholderName, string cardNumber, string expirationDate, string securityCode, long amountInCents) =>
        PassAsync("Charge", () =>
        {
            if (!_transactions.TryGetValue(transactionId, out var state))
            {
                state = cardNumber switch
                {
                    DeclinedCard => TransactionState.Declined,
                    MalformedCard => throw new System.ServiceModel.FaultException<CardFault>(
                        new CardFault { Field = "expirationDate", Reason = "is past" }, new System.ServiceModel.FaultReason("malformed")),
                    _ => TransactionState.Approved,
                };
                _transactions[transactionId] = state;
                if (state == TransactionState.Approved)
                {
                    _charged.Add(transactionId);
                }
            }
            return state;
        });

    public Task<TransactionState> FindAsync(string transactionId) =>
        PassAsync("Find", () => _transactions.GetValueOrDefault(transactionId));

    public Task<TransactionState> CancelAsync(string transactionId) => PassAsync("Cancel", () =>
    {
        var state = _transactions.GetValueOrDefault(transactionId);
        return _transactions[transactionId] = state == TransactionState.Declined ? state : TransactionState.Cancelled;
    });

    private Task<TransactionState> PassAsync(string step, Func<TransactionState> operation) => wire.PassAsync(step, () =>
    {
        lock (_lock)
        {
            return Task.FromResult(operation());
        }
    }, () => new System.ServiceModel.CommunicationException("lost by the test"));
}
