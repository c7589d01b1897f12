using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// What a database makes of its ordered commands. A pure function of state and command: no clock, no random number,
/// no id made inside, so that all replicas that applied the same commands hold the same. Where it is disposable, the store
/// disposes it before it closes the writer.
/// </summary>
public interface IStateMachine
{
    /// <summary>SQL that creates the tables where they do not exist yet.</summary>
    string Schema { get; }

    /// <summary>Called once, before the first <see cref="Apply"/>, on the store's only writing connection.</summary>
    void Open(SqliteConnection writer);

    /// <summary>
    /// Applies one command inside the transaction that is open on the writer, and returns its reply. The store has already
    /// answered repeats by request id. A business refusal is a reply; an exception is a broken invariant and stops the process.
    /// </summary>
    /// <param name="command">The command; its <see cref="Command.Time"/> never runs backwards between calls.</param>
    byte[] Apply(in Command command);
}
