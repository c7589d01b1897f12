using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// What a database does with its ordered commands. A pure function of state and command: no clock, no random number,
/// no id made inside, so that all replicas that applied the same commands hold the same. Where it is disposable, the
/// store disposes it before it closes the writer.
/// </summary>
public interface IStateMachine
{
    /// <summary>SQL that creates the tables where they do not exist yet.</summary>
    string Schema { get; }

    /// <summary>Called once, before the first <see cref="Apply"/>, on the store's only writing connection.</summary>
    void Open(SqliteConnection writer);

    /// <summary>
    /// Applies one command inside the transaction that is open on the writer, and returns its reply. Where the request
    /// id is known, the store calls <see cref="Repeat"/> instead. A business refusal is a reply; an exception is a
    /// broken invariant and stops the process.
    /// </summary>
    /// <param name="command">The command; its <see cref="Command.Time"/> never runs backwards between calls.</param>
    /// <param name="keep">
    /// Whether this reply uses up the request id. False where nothing was done and the reply says nothing about the
    /// request itself: then the same id may still be used for it.
    /// </param>
    byte[] Apply(in Command command, out bool keep);

    /// <summary>
    /// Answers a command that must not be carried out: its request id is known already, or it has waited for longer
    /// than replies are kept, so that it can no longer be found out whether it is. This too happens inside the
    /// transaction, and may write.
    /// </summary>
    /// <param name="command">The command as it came now; it need not be the one that the id was first used for.</param>
    /// <param name="reply">
    /// The reply that was kept for the request id; null where there is none or it has expired.
    /// </param>
    byte[] Repeat(in Command command, byte[]? reply);
}
