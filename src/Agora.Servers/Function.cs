namespace Agora.Servers;

/// <summary>
/// One of the marketplace's functions, as metadata of its endpoint: the pipeline checks it before the handler runs, and
/// the OpenAPI document shows it.
/// </summary>
/// <param name="Name">Its name in the marketplace's contract, which is also the operation's id.</param>
internal sealed record Function(string Name)
{
    public SessionNeed Session { get; init; } = SessionNeed.Required;

    /// <summary>
    /// Whether it honours If-Match: then it changes an item only if it has a version that the header names.
    /// </summary>
    public bool HonoursIfMatch { get; init; }

    /// <summary>Whether it answers one item, with its version as ETag. A read then honours If-None-Match.</summary>
    public bool AnswersETag { get; init; }

    /// <summary>Whether its Idempotency-Keys are kept for ever.</summary>
    public bool KeepsKeys { get; init; }

    /// <summary>Whether it answers a session's token.</summary>
    public bool AnswersToken { get; init; }

    /// <summary>The codes of all errors that it may answer.</summary>
    public IReadOnlyList<string> Refusals { get; init; } = [];

    /// <summary>The query parameters that the handler reads.</summary>
    public IReadOnlyList<QueryParameter> Query { get; init; } = [];
}

/// <summary>Whether a function needs a session.</summary>
internal enum SessionNeed
{
    /// <summary>It needs none and ignores a token.</summary>
    None,

    /// <summary>It serves visitors too, but a token that is sent must belong to a session that is alive.</summary>
    Optional,

    /// <summary>It serves nobody without a session.</summary>
    Required,
}
