using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using RotatingSequencer.Campaigns.Exhaustive;

namespace RotatingSequencer.Campaigns;

/// <summary>
/// Shows that the checks find bugs: builds each <see cref="Mutation"/>, and runs the simulation and the exhaustive
/// search until they find it.
/// </summary>
internal static class MutationRuns
{
    /// <summary>States after which each search of the suite gives up; it finds most bugs long before.</summary>
    private const long MaxStates = 20_000;

    /// <summary>
    /// What the simulation needs of the library: the core and its parts, not the process around it.
    /// </summary>
    private static readonly string[] s_sources =
    [
        "src/RotatingSequencer/Core",
        "src/RotatingSequencer/Wire",
        "src/RotatingSequencer/Journal/Crc32C.cs",
        "src/RotatingSequencer/Journal/HeardLives.cs",
        "src/RotatingSequencer/Journal/JournalFormat.cs",
        "src/RotatingSequencer/Journal/JournalState.cs",
        "src/RotatingSequencer/Errors.cs",
        "src/RotatingSequencer.Simulation/Kernel",
        "tests/RotatingSequencer.Campaigns",
    ];

    /// <summary>The repository that this program was built in.</summary>
    public static string Root
    {
        get
        {
            var directory = new DirectoryInfo(AppContext.BaseDirectory);
            while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Agora.slnx")))
            {
                directory = directory.Parent;
            }

            return directory?.FullName
                ?? throw new InvalidOperationException("This program needs its source, but is not in its repository.");
        }
    }

    /// <summary>Writes a table of what was found; false when the simulation missed a bug.</summary>
    public static bool Run(IReadOnlyCollection<string> names, int seeds, TextWriter writer)
    {
        var all = true;
        writer.WriteLine("| bug | rule, as the simulation reports it | seeds | of lying disks | exhaustive search |");
        writer.WriteLine("|---|---|---|---|---|");
        foreach (var mutation in Mutation.All(Root).Where(m => names.Count == 0 || names.Contains(m.Name)))
        {
            var mutant = Compile(mutation);
            var simulation = mutant
                .GetType(typeof(SimulationRuns).FullName!)!
                .GetMethod(nameof(SimulationRuns.FirstFinding))!;
            var search = mutant.GetType(typeof(StateSearch).FullName!)!.GetMethod(nameof(StateSearch.FirstFinding))!;
            var found = ((int Seeds, string Rule)?)simulation.Invoke(null, [seeds, false]);
            var foundLying = ((int Seeds, string Rule)?)simulation.Invoke(null, [seeds, true]);
            var steps = (long?)search.Invoke(null, [MaxStates]);
            writer.WriteLine(
                $"| {mutation.Name}: {mutation.Description} | {(found ?? foundLying)?.Rule ?? "not found"} "
                    + $"| {found?.Seeds.ToString() ?? "–"} | {foundLying?.Seeds.ToString() ?? "–"} "
                    + $"| {(steps is null ? "–" : $"{steps:N0} steps")} |"
            );
            writer.Flush();
            all &= found is not null || foundLying is not null;
        }

        return all;
    }

    /// <summary>The core, the simulation and the search as one assembly, with the bug in it.</summary>
    private static Assembly Compile(Mutation mutation)
    {
        var changed = mutation.Apply(Root);
        var options = CSharpParseOptions.Default.WithLanguageVersion(LanguageVersion.Latest);
        var texts = s_sources
            .SelectMany(FilesOf)
            .Select(file =>
                changed.TryGetValue(file, out var text) ? text : File.ReadAllText(Path.Combine(Root, file))
            );
        const string Usings =
            "global using System; global using System.Collections.Generic; global using System.IO; "
            + "global using System.Linq; global using System.Threading;";
        var platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var compilation = CSharpCompilation.Create(
            mutation.Name,
            texts.Append(Usings).Select(text => CSharpSyntaxTree.ParseText(text, options)),
            platform
                .Where(file => !Path.GetFileName(file).StartsWith("RotatingSequencer", StringComparison.Ordinal))
                .Select(file => MetadataReference.CreateFromFile(file)),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary,
                optimizationLevel: OptimizationLevel.Release,
                allowUnsafe: true,
                nullableContextOptions: NullableContextOptions.Enable
            )
        );
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        if (!result.Success)
        {
            var errors = result
                .Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
                .Take(5);
            throw new InvalidDataException(
                $"With {mutation.Name}.patch the source does not compile:\n{string.Join('\n', errors)}"
            );
        }

        image.Position = 0;
        return new AssemblyLoadContext(mutation.Name).LoadFromStream(image);
    }

    private static IEnumerable<string> FilesOf(string source)
    {
        var path = Path.Combine(Root, source);
        var files = File.Exists(path) ? [path] : Directory.GetFiles(path, "*.cs", SearchOption.AllDirectories);
        // The copy needs neither this program's entry nor the compiler calls.
        return files
            .Select(file => Path.GetRelativePath(Root, file))
            .Where(file => Path.GetFileName(file) is not ("Program.cs" or "MutationRuns.cs"));
    }
}
