using Microsoft.Data.Sqlite;

namespace Agora.Replication;

/// <summary>
/// Applies batches of commands, each in one transaction, which also stores the position that it reaches and the
/// replies. For the applier, one call at a time.
/// </summary>
internal sealed class StoreWriter(SqliteConnection writer, IStateMachine stateMachine, KeptRepliesBounds bounds)
{
    private readonly KeptReplies _replies = new(writer, bounds);
    private long _time; // Largest time of any command applied.

    /// <summary>Reads what the file holds, and opens the state machine on it. Returns the applied position.</summary>
    public long Load()
    {
        long applied;
        using (var state = writer.Prepared("SELECT applied, time FROM replication_state").Query())
        {
            state.Read();
            applied = state.Int64(0);
            Volatile.Write(ref _time, state.Int64(1));
        }

        _replies.Load();
        stateMachine.Open(writer);
        return applied;
    }

    /// <summary>The largest time of any command applied, in milliseconds since 1970 in UTC. From any thread.</summary>
    public long Time => Volatile.Read(ref _time);

    /// <summary>Whether a command has waited for longer than replies are kept. From any thread.</summary>
    public bool IsTooOld(in Command command) => IsTooOld(command, Volatile.Read(ref _time));

    /// <summary>Applies commands in one transaction, or none of them where it throws.</summary>
    public void Apply(long position, ReadOnlySpan<Command> commands, Span<ReadOnlyMemory<byte>> replies)
    {
        Execute("BEGIN IMMEDIATE");
        try
        {
            for (var i = 0; i < commands.Length; i++)
            {
                replies[i] = ApplyOne(commands[i]);
            }

            writer.Prepared("UPDATE replication_state SET applied = ?1, time = ?2 WHERE only = 1").Run(position, _time);
            Execute("COMMIT");
        }
        catch
        {
            // After some failures, such as a full disk, SQLite has rolled back already.
            if (SQLitePCL.raw.sqlite3_get_autocommit(writer.Handle) == 0)
            {
                Execute("ROLLBACK");
            }

            throw;
        }
    }

    private ReadOnlyMemory<byte> ApplyOne(in Command command)
    {
        if (command.IsScrub)
        {
            return ReadOnlyMemory<byte>.Empty;
        }

        Volatile.Write(ref _time, Math.Max(_time, command.Time));
        if (_replies.TryFind(command.RequestId, _time, out var earlier))
        {
            Execute("UPDATE replication_repeats SET count = count + 1");
            return Repeat(command, earlier);
        }

        // While it waited, a repeat of it may have been carried out and forgotten. Whether this is one can no longer be
        // found out.
        if (IsTooOld(command, _time))
        {
            return Repeat(command, null);
        }

        var reply = stateMachine.Apply(command with { Time = _time }, out var keep) ?? throw NoReply();
        if (keep)
        {
            _replies.Keep(command.RequestId, _time, _time + command.Lifetime, reply);
        }

        return reply;
    }

    private byte[] Repeat(in Command command, byte[]? earlier) =>
        stateMachine.Repeat(command with { Time = _time }, earlier) ?? throw NoReply();

    private static bool IsTooOld(in Command command, long time) => command.Time < time - command.Lifetime;

    private static InvalidOperationException NoReply() => new("The state machine gave no reply.");

    private void Execute(string sql) => writer.Prepared(sql).Run();
}
