using System.Text;

namespace Agora.Replication.Tests;

/// <summary>Calls that tests make of a store.</summary>
internal static class StoreCalls
{
    /// <summary>Applies commands, the last of them at a position; their replies as text.</summary>
    public static string[] Apply(ReplicatedStore store, long position, params Command[] commands)
    {
        var replies = new ReadOnlyMemory<byte>[commands.Length];
        store.Apply(position, commands, replies);
        return [.. replies.Select(r => Encoding.UTF8.GetString(r.Span))];
    }
}
