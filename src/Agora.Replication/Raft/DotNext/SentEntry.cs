using DotNext.IO;
using DotNext.Net.Cluster.Consensus.Raft;

namespace Agora.Replication.Raft;

/// <summary>An entry on its way to a follower.</summary>
internal readonly record struct SentEntry(long Term, byte[] Payload, bool IsSnapshot = false) : IRaftLogEntry
{
    long? IDataTransferObject.Length => Payload.Length;

    bool IDataTransferObject.IsReusable => true;

    bool IDataTransferObject.TryGetMemory(out ReadOnlyMemory<byte> memory)
    {
        memory = Payload;
        return true;
    }

    public ValueTask WriteToAsync<TWriter>(TWriter writer, CancellationToken cancellationToken)
        where TWriter : IAsyncBinaryWriter => writer.WriteAsync(Payload, null, cancellationToken);
}
