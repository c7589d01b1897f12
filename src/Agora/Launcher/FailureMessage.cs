using System.ComponentModel;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// The message for a failure that the user can fix: what is wrong, and how to fix it. A bug of ours has no such
/// message, and is reported with its stack trace.
/// </summary>
internal static class FailureMessage
{
    public static string? Of(Exception failure) =>
        Parts(failure).FirstOrDefault(e => e is CommandFailedException or FixableException or ClusterFileException)
            is { } known
            ? known.Message
        : Outermost(failure) is var e && e is IOException or UnauthorizedAccessException
            ? $"{e.Message.TrimEnd('.')}. {FileFault.Fix(e)}"
        : e is Win32Exception system ? $"{system.Message.TrimEnd('.')}. {FileFault.Fix(system)}"
        : null;

    // A host that stops throws all its failures as one.
    private static Exception Outermost(Exception failure) =>
        failure is AggregateException { InnerExceptions: [var only, ..] } ? Outermost(only) : failure;

    private static IEnumerable<Exception> Parts(Exception failure)
    {
        yield return failure;
        IEnumerable<Exception> inner =
            failure is AggregateException several ? several.InnerExceptions
            : failure.InnerException is { } one ? [one]
            : [];
        foreach (var part in inner.SelectMany(Parts))
        {
            yield return part;
        }
    }
}
