using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Agora.Deploy.Tests;

/// <summary>The released packages, on a machine that has no .NET as far as they can see.</summary>
public sealed partial class ReleasePackageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agora-release-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_unpacked_archive_serves_where_no_dotnet_is()
    {
        var archive = ReleasePackages.File($"agora-*-linux-{ReleasePackages.Architecture}.tar.gz");
        (await ToolRun.OfAsync("tar", ["-xzf", archive, "-C", _folder])).Succeeded();
        var place = Directory.GetDirectories(_folder).Single();

        await AssertRunsAsync(Path.Combine(place, "bin", "agora"), place);
        await AssertServesAsync(Path.Combine(place, "bin", "agora"), _folder);
    }

    [Fact]
    public async Task The_archives_own_script_installs_the_program_its_units_and_settings()
    {
        var archive = ReleasePackages.File($"agora-*-linux-{ReleasePackages.Architecture}.tar.gz");
        (await ToolRun.OfAsync("tar", ["-xzf", archive, "-C", _folder])).Succeeded();
        var place = Directory.GetDirectories(_folder).Single();
        var root = Path.Combine(_folder, "root");
        Directory.CreateDirectory(Path.Combine(root, "etc"));

        (await ToolRun.OfAsync(Path.Combine(place, "install"), ["--root", root])).Succeeded();
        var settings = Path.Combine(root, "etc", "agora", "agora.conf");
        File.AppendAllText(settings, "# changed\n");
        (await ToolRun.OfAsync(Path.Combine(place, "install"), ["--root", root])).Succeeded();

        await AssertRunsAsync(Path.Combine(root, "usr", "local", "bin", "agora"), _folder);
        Assert.EndsWith("# changed\n", File.ReadAllText(settings), StringComparison.Ordinal);
        Assert.Contains(
            "ExecStart=/usr/local/bin/agora run customers %i ",
            File.ReadAllText(Path.Combine(root, "usr/local/lib/systemd/system/agora-customers@.service")),
            StringComparison.Ordinal
        );
        Assert.Contains("agora:", File.ReadAllText(Path.Combine(root, "etc", "passwd")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_debian_package_installs_into_an_empty_root_and_runs()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "dpkg installs as root only");
        var package = ReleasePackages.File($"agora_*_{ReleasePackages.DebianArchitecture}.deb");
        var root = Path.Combine(_folder, "root");
        Directory.CreateDirectory(Path.Combine(root, "var", "lib", "dpkg"));
        Directory.CreateDirectory(Path.Combine(root, "etc"));
        File.WriteAllText(Path.Combine(root, "var", "lib", "dpkg", "status"), "");

        // What it depends on is on this machine, and not in the empty root.
        string[] dpkg = ["--root", root, "--force-script-chrootless", "--force-depends"];
        (await ToolRun.OfAsync("dpkg", [.. dpkg, "--install", package])).Succeeded();

        await AssertRunsAsync(Path.Combine(root, "usr", "bin", "agora"), _folder);
        Assert.True(File.Exists(Path.Combine(root, "usr/lib/systemd/system/agora-products@.service")));
        Assert.Contains("agora:", File.ReadAllText(Path.Combine(root, "etc", "passwd")), StringComparison.Ordinal);

        // What people changed stays when the package goes.
        var settings = Path.Combine(root, "etc", "agora", "agora.conf");
        Assert.True(File.Exists(settings));
        (await ToolRun.OfAsync("dpkg", [.. dpkg, "--remove", "agora"])).Succeeded();
        Assert.False(Directory.Exists(Path.Combine(root, "usr", "lib", "agora")));
        Assert.True(File.Exists(settings));
    }

    [Theory]
    [InlineData("x64", "amd64")]
    [InlineData("arm64", "arm64")]
    public async Task Both_processors_have_an_archive_and_a_package_with_their_own_program(string rid, string debian)
    {
        var listed = await ToolRun.OfAsync("tar", ["-tzf", ReleasePackages.File($"agora-*-linux-{rid}.tar.gz")]);
        string[] names = [.. listed.Succeeded().Split('\n').Select(name => name[(name.IndexOf('/') + 1)..])];
        string[] needed =
        [
            "bin/agora",
            "lib/agora/agora",
            "lib/agora/libcoreclr.so",
            "lib/agora/libe_sqlite3.so",
            "lib/agora/libsodium.so",
            "lib/systemd/system/agora.target",
            "etc/agora/agora.conf",
            "install",
            "share/doc/agora/copyright",
        ];
        Assert.Empty(needed.Except(names));

        var package = ReleasePackages.File($"agora_*_{debian}.deb");
        var field = await ToolRun.OfAsync("dpkg-deb", ["--field", package, "Architecture"]);
        Assert.Equal(debian, field.Succeeded().Trim());
        var unpacked = Path.Combine(_folder, "deb");
        (await ToolRun.OfAsync("dpkg-deb", ["--extract", package, unpacked])).Succeeded();
        var program = File.ReadAllBytes(Path.Combine(unpacked, "usr", "lib", "agora", "agora"));

        // The machine in the header of an ELF file: 62 is x86-64, 183 is AArch64.
        Assert.Equal(rid == "x64" ? 62 : 183, program[18]);
    }

    [Fact]
    public async Task The_tool_installs_from_its_package()
    {
        var package = ReleasePackages.File("Agora.Tool.*.nupkg");
        var version = Path.GetFileNameWithoutExtension(package)["Agora.Tool.".Length..];
        string[] source = ["--add-source", Path.GetDirectoryName(package)!, "--version", version];

        (
            await ToolRun.OfAsync(
                "dotnet",
                ["tool", "install", "Agora.Tool", "--tool-path", Path.Combine(_folder, "tools"), .. source],
                _folder
            )
        ).Succeeded();

        var said = await ToolRun.OfAsync(Path.Combine(_folder, "tools", "agora"), ["--version"], _folder);
        Assert.StartsWith($"{version}+", said.Succeeded(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_file_has_its_checksum()
    {
        var sums = ReleasePackages.File("SHA256SUMS");
        var folder = Path.GetDirectoryName(sums)!;

        var listed = File.ReadAllLines(sums).Select(line => line.Split("  ", 2)).ToDictionary(p => p[1], p => p[0]);

        Assert.Equal(
            Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Where(n => n != "SHA256SUMS").Order(),
            listed.Keys.Order()
        );
        Assert.All(
            listed,
            sum =>
                Assert.Equal(
                    sum.Value,
                    Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, sum.Key))))
                )
        );
    }

    private static async Task AssertRunsAsync(string program, string directory)
    {
        var version = await ToolRun.OfAsync(program, ["--version"], directory, ReleasePackages.EmptyEnvironment);
        Assert.Matches(VersionAndCommit(), version.Succeeded().Trim());
    }

    /// <summary>A marketplace with one replica of each, from nothing to ready and down again.</summary>
    private static async Task AssertServesAsync(string program, string directory)
    {
        var ports = Testing.FreePorts.Take(7);
        var cluster = Path.Combine(directory, "cluster.json");
        var data = Path.Combine(directory, "data");
        File.WriteAllText(
            cluster,
            $$"""
            {
              "payments": { "replicas": [{ "port": {{ports[0]}} }] },
              "sellerServers": { "replicas": [{ "port": {{ports[1]}} }] },
              "buyerServers": { "replicas": [{ "port": {{ports[2]}} }] },
              "customers": {
                "engine": "rotating-sequencer",
                "replicas": [{ "grpcPort": {{ports[3]}}, "peerPort": {{ports[4]}} }]
              },
              "products": { "engine": "raft", "replicas": [{ "grpcPort": {{ports[5]}}, "peerPort": {{ports[6]}} }] }
            }
            """
        );
        Task<ToolRun> AgoraAsync(params string[] arguments) =>
            ToolRun.OfAsync(program, arguments, directory, ReleasePackages.EmptyEnvironment);
        try
        {
            (await AgoraAsync("up", "--detach", "--cluster", cluster, "--data", data)).Succeeded();

            var health = await AgoraAsync("health", "buyer-server/0", "--cluster", cluster, "--data", data);
            Assert.Equal("buyer-server/0 serves", health.Succeeded().Trim());
            health = await AgoraAsync("health", "customers/0", "--cluster", cluster, "--data", data);
            Assert.Equal("customers/0 serves", health.Succeeded().Trim());
        }
        finally
        {
            (await AgoraAsync("down", "--data", data)).Succeeded();
        }
    }

    [GeneratedRegex(@"^\d+\.\d+\.\d+\+[0-9a-f]{40}$")]
    private static partial Regex VersionAndCommit();
}
