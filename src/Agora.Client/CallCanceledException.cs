namespace Agora.Client;

/// <summary>The caller cancelled the call before it was answered.</summary>
public sealed class CallCanceledException : OperationCanceledException
{
    /// <summary>Cancelled before anything was sent.</summary>
    public CallCanceledException()
        : base("The call was cancelled before it was sent.") { }

    internal CallCanceledException(
        string? key,
        bool outcomeUnknown,
        Exception inner,
        CancellationToken cancellationToken
    )
        : base("The call was cancelled before it was answered.", inner, cancellationToken)
    {
        IdempotencyKey = key;
        OutcomeUnknown = outcomeUnknown && key is not null;
    }

    /// <summary>The key of a changing call; null if the call changes nothing.</summary>
    public string? IdempotencyKey { get; }

    /// <summary>
    /// The call may have taken effect. To repeat it with the key is safe: it answers what became of the first.
    /// </summary>
    public bool OutcomeUnknown { get; }
}
