using RotatingSequencer.Simulation.Plays;

namespace RotatingSequencer.Simulation.Pictures;

/// <summary>
/// The files under <c>docs/protocol</c>: a picture of each told scenario, and a page that plays them. All are made by
/// this code, and a test compares them with what is committed.
/// </summary>
public static class DocumentFiles
{
    /// <summary>Where the files belong, from the root of the repository.</summary>
    public const string Folder = "docs/protocol";

    /// <summary>All files: their names and contents.</summary>
    public static IReadOnlyDictionary<string, string> Make()
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        List<Play> plays =
        [
            .. Scenarios.All.Select(scenario => Play.Of(new PlayAddress { Scenario = scenario.Name })!),
        ];
        foreach (var play in plays)
        {
            files[$"{play.Scenario.Name}.svg"] =
                Diagram.Draw(play, play.Steps[^1], new DiagramOptions { IsFile = true }) + "\n";
        }

        files["index.html"] = StaticPage.Make(plays);
        return files;
    }

    /// <summary>Writes all files below the root of the repository.</summary>
    public static void Write(string root)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, Folder)).FullName;
        foreach (var (name, content) in Make())
        {
            File.WriteAllText(Path.Combine(folder, name), content);
        }
    }
}
