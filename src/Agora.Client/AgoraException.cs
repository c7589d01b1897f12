using System.Net;

namespace Agora.Client;

/// <summary>
/// A call that did not do what it was asked: refused by the marketplace, or not answered by any of its servers in time.
/// </summary>
public sealed class AgoraException : Exception
{
    /// <summary>A failure with its code, what to mend, and the HTTP status; 0 where no server answered.</summary>
    public AgoraException(string code, string detail, int status = 0, Exception? inner = null)
        : base(detail, inner)
    {
        Code = code;
        Status = status;
    }

    /// <summary>The HTTP status; 0 where no server answered.</summary>
    public int Status { get; }

    /// <summary>One of <see cref="ErrorCodes"/>: what a program decides by.</summary>
    public string Code { get; }

    /// <summary>What to mend, for a person.</summary>
    public string Detail => Message;

    /// <summary>What is wrong with each field, by its name in the request; empty unless fields were wrong.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; internal init; } = new Dictionary<string, string[]>();

    /// <summary>
    /// With <see cref="ErrorCodes.NotEnoughUnits"/>: every line that lacks units; with <see
    /// cref="ErrorCodes.PriceChanged"/>: the cart as it is now. Empty with other codes.
    /// </summary>
    public IReadOnlyList<CartLine> Lines { get; internal init; } = [];

    /// <summary>With <see cref="ErrorCodes.PriceChanged"/>: what the cart costs now.</summary>
    public decimal? Total { get; internal init; }

    /// <summary>Names the call in the server's log, where a server answered.</summary>
    public string? RequestId { get; internal init; }

    /// <summary>How long to wait before trying again, where the server said so.</summary>
    public TimeSpan? RetryAfter { get; internal init; }

    /// <summary>
    /// The key under which a changing call was sent. The same call with this key finds out what became of it, and does
    /// nothing twice.
    /// </summary>
    public string? IdempotencyKey { get; internal init; }

    /// <summary>It may have happened all the same: a server had the call and did not say what became of it.</summary>
    public bool OutcomeUnknown { get; internal init; }

    /// <summary>The same call may succeed later.</summary>
    public bool IsTransient => Status is 0 or (int)HttpStatusCode.TooManyRequests || IsFailover(Status);

    /// <summary>
    /// Answers that say nothing about the call, only about the server: another one may do better. Gateways in front of
    /// a server that is gone answer 502 and 504.
    /// </summary>
    internal static bool IsFailover(int status) =>
        status is (int)HttpStatusCode.ServiceUnavailable or (int)HttpStatusCode.BadGateway or (int)HttpStatusCode.GatewayTimeout;

    /// <summary>A request refused here, before it was sent, in the words a server would have used.</summary>
    internal static AgoraException Invalid(string field, string reason) =>
        new(ErrorCodes.InvalidRequest, $"{field} {reason}.", (int)HttpStatusCode.BadRequest)
        {
            Errors = new Dictionary<string, string[]> { [field] = [reason] },
        };
}

/// <summary>A call that was cancelled by its caller before it was answered.</summary>
public sealed class CallCanceledException : OperationCanceledException
{
    /// <summary>Cancelled before anything was sent.</summary>
    public CallCanceledException() : base("The call was cancelled before it was sent.") { }

    internal CallCanceledException(string? key, bool outcomeUnknown, Exception inner, CancellationToken cancel)
        : base("The call was cancelled before it was answered.", inner, cancel)
    {
        IdempotencyKey = key;
        OutcomeUnknown = outcomeUnknown && key is not null;
    }

    /// <summary>The key under which a changing call was sent; null on calls that change nothing.</summary>
    public string? IdempotencyKey { get; }

    /// <summary>
    /// It may have happened all the same. The same call with the key finds out, and does nothing twice.
    /// </summary>
    public bool OutcomeUnknown { get; }
}
