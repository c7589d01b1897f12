using System.Diagnostics;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Agora.Replication.Scrubbing;

/// <summary>
/// One pass over a frozen state: the digest of all tables, and SQLite's own check of the file. The digest alone would
/// miss a flipped bit in an index, which also answers queries wrongly. The check compares each index with its table,
/// and looks at the order and the links of all pages.
/// </summary>
/// <remarks>
/// What is read comes through the kernel's page cache. A bit that flips on the disk below it is found when the page is
/// read from there again. A bit that flips in the memory of the writer's own cache is found once the page is written.
/// </remarks>
internal static class ScrubPass
{
    // A quarter of a core, in small slices: other threads hardly notice.
    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(15);

    // SQLite's steps between two looks at the clock: some microseconds.
    private const int StepsPerLook = 2000;

    /// <summary>Reads the whole state. Blocks its thread.</summary>
    /// <param name="state">The state.</param>
    /// <param name="maxPass">How long it may take.</param>
    /// <param name="work">How long it worked, without its rests.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What it found; null where it was ended or took too long.</returns>
    public static ScrubResult? Run(
        FrozenState state,
        TimeSpan maxPass,
        out TimeSpan work,
        CancellationToken cancellationToken
    )
    {
        var begun = Stopwatch.StartNew();
        var slice = Stopwatch.StartNew();
        var rested = TimeSpan.Zero;
        raw.sqlite3_progress_handler(
            state.Connection.Handle,
            StepsPerLook,
            _ =>
            {
                if (slice.Elapsed > s_slice)
                {
                    var rest = Stopwatch.StartNew();
                    Thread.Sleep(s_rest);
                    rested += rest.Elapsed;
                    slice.Restart();
                }

                return begun.Elapsed > maxPass || cancellationToken.IsCancellationRequested ? 1 : 0;
            },
            null
        );
        try
        {
            var digest = StateDigest.Compute(state.Connection);
            var damage = Damage(state.Connection);
            return new ScrubResult(state.Position, digest.Sha256, damage);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == raw.SQLITE_INTERRUPT)
        {
            return null;
        }
        catch (SqliteException e) when (StoreFile.IsAtFault(e))
        {
            return new ScrubResult(state.Position, "", e.Message);
        }
        finally
        {
            work = begun.Elapsed - rested;
            raw.sqlite3_progress_handler(state.Connection.Handle, 0, null!, null);
        }
    }

    // One finding is enough to know that the file cannot be trusted.
    private static string? Damage(SqliteConnection connection)
    {
        using Statement check = new(connection, "PRAGMA integrity_check(1)");
        using var rows = check.Query();
        return rows.Read() && rows.Text(0) is var found && found != "ok" ? found : null;
    }
}
