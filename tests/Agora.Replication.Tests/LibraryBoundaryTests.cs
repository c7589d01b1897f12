using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>The Raft library shows in one folder only.</summary>
public sealed partial class LibraryBoundaryTests
{
    private static readonly string s_source = Path.GetFullPath(Path.Combine(Here(), "../../src"));
    private static readonly string s_folder = Path.Combine(s_source, "Agora.Replication", "Raft", "DotNext");

    [Fact]
    public void No_source_file_outside_the_librarys_folder_names_the_library()
    {
        var outside = Directory
            .EnumerateFiles(s_source, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.StartsWith(s_folder + Path.DirectorySeparatorChar, StringComparison.Ordinal));

        Assert.DoesNotContain(outside, file => Library().IsMatch(File.ReadAllText(file)));
    }

    [Fact]
    public void The_librarys_folder_names_it() =>
        Assert.Contains(Directory.EnumerateFiles(s_folder, "*.cs"), file => Library().IsMatch(File.ReadAllText(file)));

    // A namespace of the library, in a using or in front of a name.
    [GeneratedRegex(@"\bDotNext\.\w|\busing\s+(static\s+)?DotNext\b")]
    private static partial Regex Library();

    private static string Here([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
