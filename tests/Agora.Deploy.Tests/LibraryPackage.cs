using System.IO.Compression;

namespace Agora.Deploy.Tests;

/// <summary>The broadcast library as <c>dotnet pack</c> makes it, in a folder of its own.</summary>
public sealed class LibraryPackage : IAsyncLifetime
{
    private static readonly string[] s_quiet = ["-c", "Release", "--nologo", "-v", "q", "-nodeReuse:false"];

    public string Folder { get; } = Directory.CreateTempSubdirectory("agora-library-").FullName;

    public string File => Directory.GetFiles(Folder, "RotatingSequencer.*.nupkg").Single();

    public string Symbols => Directory.GetFiles(Folder, "RotatingSequencer.*.snupkg").Single();

    public string Version => Path.GetFileNameWithoutExtension(File)["RotatingSequencer.".Length..];

    public async ValueTask InitializeAsync() =>
        (
            await ToolRun.OfAsync(
                "dotnet",
                ["pack", Repository.PathOf("src", "RotatingSequencer"), "--no-build", "-o", Folder, .. s_quiet]
            )
        ).Succeeded();

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal static async Task<byte[]> ReadAsync(string package, string name)
    {
        await using var zip = await ZipFile.OpenReadAsync(package, TestContext.Current.CancellationToken);
        await using var entry = await zip.GetEntry(name)!.OpenAsync(TestContext.Current.CancellationToken);
        using MemoryStream bytes = new();
        await entry.CopyToAsync(bytes, TestContext.Current.CancellationToken);
        return bytes.ToArray();
    }
}
