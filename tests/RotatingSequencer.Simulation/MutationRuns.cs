using System.Diagnostics;
using System.Globalization;

namespace RotatingSequencer.Simulation;

/// <summary>Shows that the checks have teeth: brings in each <see cref="Mutation"/> and runs the simulation, and the exhaustive search, until they find it.</summary>
internal static class MutationRuns
{
    /// <summary>Printed by a run that <see cref="FirstFinding"/> drives, before what it found.</summary>
    public const string Found = "found: ";

    /// <summary>Of each search in the suite: enough for most, in a tenth of the time.</summary>
    private const string MostStates = "20000";

    private const string Simulation = "tests/RotatingSequencer.Simulation";
    private static readonly TimeSpan _longestBuild = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan _longestRun = TimeSpan.FromMinutes(10);

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

            return directory?.FullName ?? throw new InvalidOperationException("This program is not in its repository, whose source it needs.");
        }
    }

    /// <summary>Writes a table of what was found; false when a bug was not found.</summary>
    public static bool Run(IReadOnlyCollection<string> names, int seeds, TextWriter writer)
    {
        var all = true;
        writer.WriteLine("| bug | rule, as the simulation reports it | seeds | exhaustive search |");
        writer.WriteLine("|---|---|---|---|");
        var copy = Directory.CreateTempSubdirectory("mutations-");
        try
        {
            CopySource(copy.FullName);
            foreach (var mutation in Mutation.All(Root).Where(m => names.Count == 0 || names.Contains(m.Name)))
            {
                var files = mutation.Apply(Root);
                foreach (var (file, text) in files)
                {
                    File.WriteAllText(Path.Combine(copy.FullName, file), text);
                }

                Build(copy.FullName, mutation.Name);
                var (taken, rule) = FirstFinding(copy.FullName, "--until-found", "--seeds", seeds.ToString(CultureInfo.InvariantCulture), "--parallel", "1");
                var (steps, _) = FirstFinding(copy.FullName, "--exhaustive", "--states", MostStates);
                writer.WriteLine($"| {mutation.Name}: {mutation.Description} | {rule ?? "not found"} | {taken ?? "–"} | {(steps is null ? "–" : $"{steps} steps")} |");
                writer.Flush();
                all &= rule is not null;
                foreach (var file in files.Keys)
                {
                    File.Copy(Path.Combine(Root, file), Path.Combine(copy.FullName, file), overwrite: true);
                }
            }
        }
        finally
        {
            copy.Delete(recursive: true);
        }

        return all;
    }

    private static void CopySource(string copy)
    {
        string[] shared = ["Agora.slnx", "Directory.Build.props", "Directory.Packages.props", "global.json"];
        string[] folders = ["src/RotatingSequencer", Simulation];
        var files = folders.SelectMany(folder => Directory.GetFiles(Path.Combine(Root, folder), "*", SearchOption.AllDirectories));
        foreach (var file in shared.Select(name => Path.Combine(Root, name)).Concat(files))
        {
            var target = Path.Combine(copy, Path.GetRelativePath(Root, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static void Build(string copy, string name)
    {
        // A bug need not be good style.
        string[] arguments = ["build", Simulation, "-c", "Release", "-v", "q", "-nologo", "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false"];
        var restored = Directory.Exists(Path.Combine(copy, "artifacts"));
        var (code, output) = Start(copy, _longestBuild, "dotnet", [.. arguments, .. restored ? ["--no-restore"] : Array.Empty<string>()]);
        if (code != 0)
        {
            throw new InvalidDataException($"{name}.patch cannot be built:\n{output}");
        }
    }

    private static (string? After, string? Rule) FirstFinding(string copy, params string[] arguments)
    {
        var (_, output) = Start(copy, _longestRun, $"{copy}/artifacts/bin/RotatingSequencer.Simulation/release/RotatingSequencer.Simulation", arguments);
        var line = output.Split('\n').FirstOrDefault(l => l.StartsWith(Found, StringComparison.Ordinal));
        return line?[Found.Length..].Split(" | ") is [var after, var rule] ? (after, rule) : (null, null);
    }

    private static (int Code, string Output) Start(string directory, TimeSpan longest, string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(longest))
        {
            process.Kill(entireProcessTree: true);
        }

        process.WaitForExit();
        return (process.ExitCode, output.GetAwaiter().GetResult());
    }
}
