using System.Runtime.InteropServices;

namespace Agora.Deploy.Tests;

/// <summary>What <c>deploy/package</c> has made, in <c>artifacts/packages</c>.</summary>
internal static class ReleasePackages
{
    private static readonly string s_folder = Repository.PathOf("artifacts", "packages");

    /// <summary>This machine's processor, as names of archives say it.</summary>
    public static string Architecture { get; } =
        RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "x64";

    /// <summary>This machine's processor, as Debian says it.</summary>
    public static string DebianArchitecture { get; } = Architecture == "arm64" ? "arm64" : "amd64";

    /// <summary>An environment as empty as a service manager's: no .NET is on the path.</summary>
    public static IReadOnlyDictionary<string, string> EmptyEnvironment { get; } =
        new Dictionary<string, string> { ["PATH"] = "/nonexistent" };

    public static string File(string pattern)
    {
        Assert.SkipUnless(
            Directory.Exists(s_folder),
            "deploy/package has not run; './test' runs it before this suite, './test --fast' leaves it out"
        );
        return Directory.GetFiles(s_folder, pattern) is [var file]
            ? file
            : throw new FileNotFoundException($"{s_folder} has not one {pattern}: run deploy/package");
    }
}
