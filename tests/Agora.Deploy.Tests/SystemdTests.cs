using Agora.Cluster;

namespace Agora.Deploy.Tests;

/// <summary>The services of systemd.</summary>
public sealed class SystemdTests : IDisposable
{
    // Tenths. Unhardened services have 96.
    private const string MaxExposure = "20";

    private readonly string _folder = Directory.CreateTempSubdirectory("agora-units-").FullName;

    public static TheoryData<string> All { get; } =
    [.. ClusterFile.Default.Processes().Select(p => p.Component).Distinct()];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(All))]
    public void Each_component_has_a_service_that_runs_it(string component)
    {
        var lines = File.ReadAllLines(UnitOf(component));

        Assert.Contains($"ExecStart=/usr/bin/agora run {component} %i --data /var/lib/agora", lines);
        Assert.Contains("EnvironmentFile=/etc/agora/agora.conf", lines);
        Assert.Contains("WantedBy=agora.target", lines);
    }

    [Fact]
    public void The_example_of_a_cluster_file_is_what_holds_without_one() =>
        Assert.Equal(
            ClusterFile.Default.ToJson(),
            ClusterFile.Load(Repository.PathOf("deploy", "etc", "cluster.json")).ToJson()
        );

    [Fact]
    public void No_service_is_of_a_component_that_does_not_exist() =>
        Assert.Equal(
            All.Select(row => $"agora-{row.Data}@.service").Append("agora.target").Order(),
            Directory.GetFiles(Repository.PathOf("deploy", "systemd")).Select(file => Path.GetFileName(file)).Order()
        );

    [Theory]
    [MemberData(nameof(All))]
    public async Task Systemd_takes_every_line_and_finds_the_service_well_confined(string component)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-analyze"), "Debian's package systemd is needed");
        var name = Path.GetFileName(UnitOf(component));
        foreach (var file in Directory.GetFiles(Repository.PathOf("deploy", "systemd")))
        {
            // The program is not installed here, and its document is not a file here.
            var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(
                Path.Combine(_folder, Path.GetFileName(file)),
                text.Replace("/usr/bin/agora", "/bin/true", StringComparison.Ordinal),
                TestContext.Current.CancellationToken
            );
        }

        var verified = await ToolRun.OfAsync("systemd-analyze", ["verify", "--man=no", Path.Combine(_folder, name)]);
        Assert.Equal("", verified.Succeeded());
        (
            await ToolRun.OfAsync(
                "systemd-analyze",
                ["security", "--offline=yes", $"--threshold={MaxExposure}", Path.Combine(_folder, name)]
            )
        ).Succeeded();
    }

    [Fact]
    public async Task A_marketplace_runs_as_confined_services_under_a_booted_systemd()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounts need root");
        Assert.SkipUnless(File.Exists("/usr/bin/systemd-nspawn"), "Debian's package systemd-container is needed");
        _ = ReleasePackages.File("SHA256SUMS");

        var said = (await ToolRun.OfAsync(Repository.PathOf("deploy", "check-services"), [])).Succeeded();

        Assert.StartsWith(
            """
            served
            pages
            user agora
            restarted
            served again
            payments/0 serves
            stopped in order
            """,
            said[said.IndexOf("served", StringComparison.Ordinal)..],
            StringComparison.Ordinal
        );
    }

    private static string UnitOf(string component) =>
        Repository.PathOf("deploy", "systemd", $"agora-{component}@.service");
}
