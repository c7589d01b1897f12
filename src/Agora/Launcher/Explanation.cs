using System.ComponentModel;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;

namespace Agora.Launcher;

/// <summary>What is told of a failure that somebody can put right: what is wrong, and what helps. A fault of ours has none, and keeps its stack trace.</summary>
internal static class Explanation
{
    public static string? Of(Exception failure) =>
        Parts(failure).FirstOrDefault(e => e is CommandFailedException or FixableException or ClusterFileException) is { } known ? known.Message
        : Outermost(failure) is var e && e is IOException or UnauthorizedAccessException ? $"{e.Message.TrimEnd('.')}. {FileFault.Fix(e)}"
        : e is Win32Exception system ? $"{system.Message.TrimEnd('.')}. {FileFault.Fix(system)}"
        : null;

    // A host that stops tells all that went wrong in it as one.
    private static Exception Outermost(Exception failure) => failure is AggregateException { InnerExceptions: [var only, ..] } ? Outermost(only) : failure;

    private static IEnumerable<Exception> Parts(Exception failure)
    {
        yield return failure;
        IEnumerable<Exception> inner = failure is AggregateException several ? several.InnerExceptions
            : failure.InnerException is { } one ? [one] : [];
        foreach (Exception part in inner.SelectMany(Parts))
        {
            yield return part;
        }
    }
}
