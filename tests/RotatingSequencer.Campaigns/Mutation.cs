namespace RotatingSequencer.Campaigns;

/// <summary>
/// A deliberate bug in the protocol: a patch in the folder Mutations, whose first line describes the bug. The library
/// itself has no switch for it; a copy of the source is patched, built and run.
/// </summary>
internal sealed class Mutation
{
    private readonly List<Hunk> _hunks = [];

    private Mutation(string path)
    {
        Name = Path.GetFileNameWithoutExtension(path);
        var lines = File.ReadAllLines(path);
        Description = lines[0];
        var file = "";
        foreach (var line in lines.Skip(1))
        {
            if (line.StartsWith("+++ b/", StringComparison.Ordinal))
            {
                file = line[6..];
            }
            else if (line.StartsWith("@@", StringComparison.Ordinal))
            {
                _hunks.Add(new(file));
            }
            else if (_hunks.Count > 0 && !line.StartsWith("--- ", StringComparison.Ordinal))
            {
                _hunks[^1].Add(line);
            }
        }
    }

    public string Name { get; }

    public string Description { get; }

    public static IReadOnlyList<Mutation> All(string root) =>
        [
            .. Directory
                .GetFiles(Path.Combine(root, "tests/RotatingSequencer.Campaigns/Mutations"), "*.patch")
                .Order(StringComparer.Ordinal)
                .Select(path => new Mutation(path)),
        ];

    /// <summary>
    /// The files that the patch changes, with their new content. Line numbers do not count, so a patch stays good as
    /// long as its lines are there.
    /// </summary>
    /// <exception cref="InvalidDataException">The lines that it replaces are missing, or there more than
    /// once.</exception>
    public IReadOnlyDictionary<string, string> Apply(string root)
    {
        var files = new Dictionary<string, string>();
        foreach (var hunk in _hunks)
        {
            var text = files.TryGetValue(hunk.File, out var changed)
                ? changed
                : File.ReadAllText(Path.Combine(root, hunk.File));
            var at = text.IndexOf(hunk.Old, StringComparison.Ordinal);
            if (at < 0 || text.IndexOf(hunk.Old, at + 1, StringComparison.Ordinal) >= 0)
            {
                throw new InvalidDataException(
                    $"{Name}.patch does not fit {hunk.File} any more: this is missing, or there more than once:\n"
                        + hunk.Old
                );
            }

            files[hunk.File] = string.Concat(text.AsSpan(0, at), hunk.New, text.AsSpan(at + hunk.Old.Length));
        }

        return files.Count > 0 ? files : throw new InvalidDataException($"{Name}.patch changes nothing.");
    }

    private sealed class Hunk(string file)
    {
        public string File => file;

        public string Old { get; private set; } = "";

        public string New { get; private set; } = "";

        public void Add(string line)
        {
            var text = line.Length == 0 ? "\n" : line[1..] + "\n";
            Old += line.StartsWith('+') ? "" : text;
            New += line.StartsWith('-') ? "" : text;
        }
    }
}
