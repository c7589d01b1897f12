using System.Net;
using System.Reflection;
using DotNext.Net.Cluster;

namespace Agora.Replication.Raft;

/// <summary>Which member the library sends to when it reads the log as a leader.</summary>
/// <remarks>
/// The library reads through one consumer for each member, and its interface does not say which. The consumer knows, in
/// a field. This is asked once for each consumer and only for what a replica has acknowledged
/// (<see cref="Acknowledgement"/>): nothing is committed by it. Should a version of the library keep it elsewhere, no
/// older copy is noticed any more, and <c>OlderCopyTests</c> say so.
/// </remarks>
internal static class LibraryFollowers
{
    /// <summary>The address of the member; null where it cannot be found.</summary>
    public static EndPoint? AddressOf(object consumer)
    {
        for (var type = consumer.GetType(); type is not null; type = type.BaseType)
        {
            var field = Array.Find(
                type.GetFields(
                    BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly
                ),
                f => typeof(IClusterMember).IsAssignableFrom(f.FieldType)
            );
            if (field?.GetValue(consumer) is IClusterMember member)
            {
                return member.EndPoint;
            }
        }

        return null;
    }
}
