using System.Net;
using Agora.Rest;

namespace Agora.Client;

/// <summary>A call that failed: the marketplace refused it, or no server answered in time.</summary>
public sealed class AgoraException : Exception
{
    /// <summary>A failure with its code, what to fix, and the HTTP status; 0 if no server answered.</summary>
    public AgoraException(string code, string detail, int status = 0, Exception? inner = null)
        : base(detail, inner)
    {
        Code = code;
        Status = status;
    }

    /// <summary>The HTTP status; 0 if no server answered.</summary>
    public int Status { get; }

    /// <summary>One of <see cref="ErrorCodes"/>: programs decide by it.</summary>
    public string Code { get; }

    /// <summary>What to fix, for a person.</summary>
    public string Detail => Message;

    /// <summary>What is wrong with each field, by its name in the request; empty if no field was wrong.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; internal init; } = new Dictionary<string, string[]>();

    /// <summary>
    /// With <see cref="ErrorCodes.NotEnoughUnits"/>: every line for which there are not enough units; with
    /// <see cref="ErrorCodes.PriceChanged"/>: the cart as it is now. Empty with other codes.
    /// </summary>
    public IReadOnlyList<CartLine> Lines { get; internal init; } = [];

    /// <summary>With <see cref="ErrorCodes.PriceChanged"/>: what the cart costs now.</summary>
    public decimal? Total { get; internal init; }

    /// <summary>Names the call in the server's log; null if no server answered.</summary>
    public string? RequestId { get; internal init; }

    /// <summary>How long to wait before the next try; null if the server did not say.</summary>
    public TimeSpan? RetryAfter { get; internal init; }

    /// <summary>
    /// The key of a changing call. To repeat the call with this key is safe: it answers what became of the first, and
    /// nothing happens twice.
    /// </summary>
    public string? IdempotencyKey { get; internal init; }

    /// <summary>The call may have taken effect: a server received it and did not report the outcome.</summary>
    public bool OutcomeUnknown { get; internal init; }

    /// <summary>The same call may succeed later.</summary>
    public bool IsTransient => Status is 0 or (int)HttpStatusCode.TooManyRequests || IsFailover(Status);

    /// <summary>
    /// A status that says something about the server only, not about the call: another server may serve it. A gateway
    /// answers 502 or 504 for a server that is gone.
    /// </summary>
    internal static bool IsFailover(int status) =>
        status
            is (int)HttpStatusCode.ServiceUnavailable
                or (int)HttpStatusCode.BadGateway
                or (int)HttpStatusCode.GatewayTimeout;

    /// <summary>Refuses a request before it is sent, with the error that a server would answer.</summary>
    internal static AgoraException Invalid(string field, string reason) =>
        new(ErrorCodes.InvalidRequest, $"{field} {reason}.", (int)HttpStatusCode.BadRequest)
        {
            Errors = new Dictionary<string, string[]> { [field] = [reason] },
        };
}
