using DotNext.IO;
using DotNext.Net.Cluster.Consensus.Raft;

namespace Agora.Replication.Raft;

/// <summary>A leader's batch as the library appends it.</summary>
internal sealed class BatchEntry(CommandBatch batch) : IRaftLogEntry
{
    public CommandBatch Batch => batch;

    public long Term => batch.Term;

    long? IDataTransferObject.Length => batch.Payload.Length;

    bool IDataTransferObject.IsReusable => true;

    public ValueTask WriteToAsync<TWriter>(TWriter writer, CancellationToken cancellationToken)
        where TWriter : IAsyncBinaryWriter => writer.WriteAsync(batch.Payload, null, cancellationToken);
}
