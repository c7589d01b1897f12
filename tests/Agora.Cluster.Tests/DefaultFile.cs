using Xunit;

namespace Agora.Cluster.Tests;

/// <summary>The default cluster file, for tests that change it.</summary>
internal static class DefaultFile
{
    /// <summary>Its text on one line, with one change.</summary>
    public static string Changed(string from, string to)
    {
        var text = string.Concat(ClusterFile.Default.ToJson().Split('\n').Select(line => line.Trim()));
        var at = text.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the default file has no {from}");
        return text[..at] + to + text[(at + from.Length)..];
    }
}
