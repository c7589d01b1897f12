namespace Agora.Cluster;

/// <summary>A cluster file that cannot be used; the message has a line for each problem.</summary>
public sealed class ClusterFileException : Exception
{
    /// <summary>Names the file and what is wrong with it.</summary>
    public ClusterFileException(string source, IReadOnlyList<string> problems)
        : base(string.Join(Environment.NewLine, problems.Select(p => $"{source}: {p}"))) => Problems = problems;

    /// <summary>The problems, each with its place and how to fix it.</summary>
    public IReadOnlyList<string> Problems { get; }
}
