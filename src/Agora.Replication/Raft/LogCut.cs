using DotNext.IO;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;

namespace Agora.Replication.Raft;

/// <summary>
/// Stands in the library's log for the entries that were cut off. To the library it is a snapshot; but it has no content, as no member is ever
/// behind it: the state of each holds these entries already. A member that is sent it all the same has lost its disk, and learns so from it.
/// </summary>
internal sealed class LogCut(long index, long term) : ISnapshot
{
    public long Index => index;

    public long Term => term;

    long? IDataTransferObject.Length => 0;

    bool IDataTransferObject.IsReusable => true;

    ValueTask IDataTransferObject.WriteToAsync<TWriter>(TWriter writer, CancellationToken token) => ValueTask.CompletedTask;
}
