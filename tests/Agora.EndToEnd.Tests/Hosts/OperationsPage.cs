using System.Text.RegularExpressions;

namespace Agora.EndToEnd.Tests.Hosts;

/// <summary>
/// The commands of <c>docs/operations.md</c>. A comment above each block names the step, and where it is run.
/// </summary>
internal sealed partial class OperationsPage
{
    private readonly Dictionary<string, string> _steps = [];
    private readonly HashSet<string> _done = [];

    private OperationsPage() { }

    /// <summary>The steps that nobody has taken.</summary>
    public IEnumerable<string> Left => _steps.Keys.Where(step => !_done.Contains(step));

    /// <exception cref="InvalidDataException">A block of commands has no name.</exception>
    public static OperationsPage Read(string path)
    {
        OperationsPage page = new();
        var text = File.ReadAllText(path);
        foreach (Match step in Steps().Matches(text))
        {
            page._steps.Add(step.Groups["name"].Value, step.Groups["lines"].Value);
        }

        return Blocks().Count(text) == page._steps.Count
            ? page
            : throw new InvalidDataException($"{path} has a block of commands without a step's name above it");
    }

    /// <summary>The commands of a step, which counts as taken now.</summary>
    public string Take(string step)
    {
        _done.Add(step);
        return _steps[step];
    }

    [GeneratedRegex(@"<!-- step: (?<name>[^,>]+?)(, [^>]*)? -->\n```sh\n(?<lines>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Steps();

    [GeneratedRegex("^```sh$", RegexOptions.Multiline)]
    private static partial Regex Blocks();
}
