namespace Agora.Cluster;

/// <summary>
/// The limits that each seller and buyer server sets for its users, and those of the databases' replicas. A server
/// answers a request that is too large with 413, 414 or 431, and requests that come too often with 429.
/// </summary>
public sealed record LimitSettings
{
    /// <summary>The most bytes of a body.</summary>
    public int BodyBytes { get; init; } = 64 * 1024;

    /// <summary>The most bytes of all headers together.</summary>
    public int HeaderBytes { get; init; } = 16 * 1024;

    /// <summary>The most bytes of the request line: method, path and query.</summary>
    public int UrlBytes { get; init; } = 4 * 1024;

    /// <summary>The most connections of all clients together at one server.</summary>
    public int Connections { get; init; } = 10_000;

    /// <summary>
    /// The most connections of one client at one server. A client is one IP address, or one /64 with IPv6. Clients on
    /// the server's own host are not counted.
    /// </summary>
    public int ConnectionsPerClient { get; init; } = 500;

    /// <summary>The most calls a second of one client; null for no limit.</summary>
    public int? RequestsPerSecond { get; init; }

    /// <summary>The most calls that a client may make at once after a pause; null for those of two seconds.</summary>
    public int? RequestBurst { get; init; }

    /// <summary>
    /// For how many minutes the answer to a call with an Idempotency-Key is kept. A repeat within this time gets the
    /// same answer; a later one is refused. Purchases and votes are kept for ever.
    /// </summary>
    public int IdempotencyKeyMinutes { get; init; } = 15;

    /// <summary>
    /// The most failed logins of one account in a minute from one client. From all clients together, ten times as many.
    /// </summary>
    public int FailedLoginsPerMinute { get; init; } = 10;

    /// <summary>
    /// The most logins of one account in a minute from one client, successful or not; null for no limit.
    /// </summary>
    public int? LoginsPerMinute { get; init; }

    /// <summary>
    /// How many seconds the clock of a database's replica may differ from those of most of the others. Beyond that it
    /// takes no commands.
    /// </summary>
    public int ClockSeconds { get; init; } = 30;

    /// <summary>After how many minutes the replicas of a database compare their whole states again.</summary>
    public int ScrubMinutes { get; init; } = 10;
}
