using System.Buffers.Binary;
using DotNext.IO.Log;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;
using Microsoft.Win32.SafeHandles;

namespace Agora.Replication.Raft;

/// <summary>
/// The library's log, mended where it is not safe as it comes. The cluster reaches it through <see cref="IAuditTrail{TEntry}"/>, which this class
/// implements again; what is not mentioned here is the library's.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>A follower acknowledges entries only once they are on its disk: the library returns before its flush.</item>
/// <item>Where a new leader's entries replace others, the library writes them in place and lowers the length of the log afterwards. A process that
/// dies in between would come up with new entries in front of old ones, as no leader ever wrote them. So the length that is certain is
/// noted on disk before, and the log is cut back to it at the next start.</item>
/// <item>A follower that is far behind gets the log in parts, each small enough for one request's time. The library sends everything at once,
/// and begins again from the start when the time is over.</item>
/// <item>The log is cut behind an entry that every member holds in its state, durably: so nobody asks for what is gone, and the library's way of
/// installing a snapshot, which is not safe while writes go on, is never used.</item>
/// </list>
/// </remarks>
internal sealed class RaftLog : WriteAheadLog, IAuditTrail<IRaftLogEntry>
{
    // Together far below what a request's time allows for on a slow disk; a batch of commands is at most a quarter of this unless a single one is larger.
    private const int MaxPartBytes = 1 << 20;
    private const int MaxPartEntries = 512;
    private const int EntriesNotWorthMeasuring = 4;

    private const long NoOverwrite = -1;

    private readonly SafeFileHandle _overwrite;
    private readonly SafeFileHandle _cut;
    private readonly CommandApplier _applier;
    private bool _unflushed;

    private RaftLog(Options options, CommandApplier applier, SafeFileHandle overwrite, SafeFileHandle cut)
        : base(options, applier) => (_applier, _overwrite, _cut) = (applier, overwrite, cut);

    /// <summary>Called on the leader after a part was sent that others must follow.</summary>
    public Action? PartSent { get; set; }

    /// <summary>The entries up to here are gone; 0 where none is.</summary>
    public long CutIndex => _applier.Cut?.Index ?? 0;

    /// <summary>Opens the log in <paramref name="directory"/>, or begins an empty one there.</summary>
    public static RaftLog Open(string directory, CommandApplier applier)
    {
        Directory.CreateDirectory(directory);
        var overwrite = OpenNote(directory, "overwrite");
        var cut = OpenNote(directory, "cut");
        try
        {
            FinishOverwrite(directory, overwrite);
            applier.Cut = ReadCut(cut);
            Options options = new()
            {
                Location = directory,

                // The default of a page keeps a file and a mapping for every 4 KiB.
                ChunkSize = 1 << 20,
            };
            return new RaftLog(options, applier, overwrite, cut);
        }
        catch
        {
            overwrite.Dispose();
            cut.Dispose();
            throw;
        }
    }

    /// <summary>Lets go of the entries up to <paramref name="index"/>, which every member has applied durably.</summary>
    public async Task CutAsync(long index, CancellationToken cancellationToken)
    {
        long term;
        using (var entries = await ReadAsync(index, index, cancellationToken))
        {
            term = entries[0].Term;
        }

        // Noted before the pages go: a process that dies in between starts behind the cut and deletes them then.
        NoteCut(index, term);
        _applier.Cut = new LogCut(index, term);
    }

    /// <summary>How a follower takes the leader's entries: when this completes, they and all before them are on disk.</summary>
    async ValueTask IAuditTrail<IRaftLogEntry>.AppendAsync<TEntry>(
        ILogEntryProducer<TEntry> entries, long startIndex, bool skipCommitted, CancellationToken token)
    {
        var count = entries.RemainingCount;
        if (count > 0)
        {
            var first = Math.Max(startIndex, LastCommittedEntryIndex + 1);
            var overwrites = first <= LastEntryIndex && first < startIndex + count;
            if (overwrites)
            {
                NoteOverwrite(first - 1);
            }

            // Stays set when the request is given up below: then a later one, which may bring nothing new, waits for the flush.
            _unflushed = true;
            await AppendAsync(entries, startIndex, skipCommitted, token);
            await FlushAsync(token);
            _unflushed = false;
            if (overwrites)
            {
                NoteOverwrite(NoOverwrite);
            }
        }
        else if (_unflushed)
        {
            await FlushAsync(token);
            _unflushed = false;
        }
    }

    /// <summary>How a leader reads what it sends to a follower.</summary>
    async ValueTask<TResult> IAuditTrail<IRaftLogEntry>.ReadAsync<TResult>(
        ILogEntryConsumer<IRaftLogEntry, TResult> reader, long startIndex, long endIndex, CancellationToken token)
    {
        var partEnd = endIndex - startIndex < EntriesNotWorthMeasuring ? endIndex : await PartEndAsync(startIndex, endIndex, token);
        var result = await ReadAsync(reader, startIndex, partEnd, token);
        if (partEnd < endIndex && result is Result<ReplicationStatus> { Value.Result: HeartbeatResult.ReplicatedWithLeaderTerm } replicated)
        {
            // The leader commits the median of the answers and takes them all to end at the same entry. An answer that ends earlier must not count;
            // "replicated, but nothing of this term" moves the follower's place in the log on and nothing else.
            replicated = replicated with { Value = replicated.Value with { Result = HeartbeatResult.Replicated } };
            result = (TResult)(object)replicated;
        }

        if (partEnd < endIndex)
        {
            PartSent?.Invoke();
        }

        return result;
    }

    /// <inheritdoc/>
    protected override async ValueTask DisposeAsyncCore()
    {
        await base.DisposeAsyncCore();
        _overwrite.Dispose();
        _cut.Dispose();
    }

    private static SafeFileHandle OpenNote(string directory, string name) =>
        File.OpenHandle(Path.Combine(directory, name), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, FileOptions.WriteThrough);

    private async ValueTask<long> PartEndAsync(long startIndex, long endIndex, CancellationToken token)
    {
        using var entries = await ReadAsync(startIndex, Math.Min(endIndex, startIndex + MaxPartEntries - 1), token);
        long bytes = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            bytes += entries[i].Length ?? 0;
            if (bytes > MaxPartBytes)
            {
                return startIndex + Math.Max(i - 1, 0);
            }
        }

        return startIndex + entries.Count - 1;
    }

    private void NoteOverwrite(long certainLength)
    {
        // Eight bytes of one sector, written through: the old value or the new.
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, certainLength);
        RandomAccess.Write(_overwrite, bytes, 0);
    }

    // As above: sixteen bytes of one sector.
    private void NoteCut(long index, long term)
    {
        Span<byte> bytes = stackalloc byte[2 * sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, index);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[sizeof(long)..], term);
        RandomAccess.Write(_cut, bytes, 0);
    }

    private static LogCut? ReadCut(SafeFileHandle cut)
    {
        Span<byte> bytes = stackalloc byte[2 * sizeof(long)];
        return RandomAccess.Read(cut, bytes, 0) < bytes.Length
            ? null
            : new LogCut(BinaryPrimitives.ReadInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes[sizeof(long)..]));
    }

    // The library keeps version (4 bytes, 1), commit index and last index (8 bytes each) in its file "checkpoint", little endian.
    private static void FinishOverwrite(string directory, SafeFileHandle overwrite)
    {
        const int CheckpointSize = 4 + (2 * sizeof(long));
        Span<byte> note = stackalloc byte[sizeof(long)];
        if (RandomAccess.Read(overwrite, note, 0) < note.Length || BinaryPrimitives.ReadInt64LittleEndian(note) == NoOverwrite)
        {
            return;
        }

        var certainLength = BinaryPrimitives.ReadInt64LittleEndian(note);
        using (var file = File.OpenHandle(Path.Combine(directory, "checkpoint"), FileMode.Open, FileAccess.ReadWrite, FileShare.Read, FileOptions.WriteThrough))
        {
            Span<byte> checkpoint = stackalloc byte[CheckpointSize];
            if (RandomAccess.Read(file, checkpoint, 0) < CheckpointSize || BinaryPrimitives.ReadInt32LittleEndian(checkpoint) != 1)
            {
                throw new IOException($"The Raft log in {directory} has a checkpoint of an unknown form.");
            }

            var last = checkpoint[(4 + sizeof(long))..];
            BinaryPrimitives.WriteInt64LittleEndian(last, Math.Min(BinaryPrimitives.ReadInt64LittleEndian(last), certainLength));
            RandomAccess.Write(file, checkpoint, 0);
        }

        BinaryPrimitives.WriteInt64LittleEndian(note, NoOverwrite);
        RandomAccess.Write(overwrite, note, 0);
    }
}
