namespace Agora.Client;

/// <summary>How a client uses its list of servers.</summary>
public sealed record ReplicaOptions
{
    /// <summary>Index in the list of the first server to ask; random if null.</summary>
    public int? Start { get; init; }

    /// <summary>How long a call may take, with all attempts and pauses.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long one server may take to answer. Long enough for a busy server: a client that leaves too early makes it
    /// busier.
    /// </summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long connecting to a server may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A PEM file with an authority to trust besides those that the system trusts.</summary>
    public string? Authority { get; init; }

    /// <summary>How many connections to the current server; further calls wait for one. One user needs 1.</summary>
    public int Connections { get; init; } = 1;

    /// <summary>
    /// Called each time a call goes on with another server, or retries the only one. Runs on the calling task and must
    /// not throw.
    /// </summary>
    public Action<ReplicaChange>? OnChange { get; init; }

    /// <summary>Chooses the first server, the order of the others and the jitter.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>The clock of deadlines and pauses.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Sends requests instead of sockets; the list disposes it.</summary>
    internal HttpMessageHandler? Handler { get; init; }
}
