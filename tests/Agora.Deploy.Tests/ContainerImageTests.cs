namespace Agora.Deploy.Tests;

/// <summary>The image that <c>deploy/container/Containerfile</c> describes.</summary>
public sealed class ContainerImageTests
{
    [Fact]
    public async Task A_marketplace_runs_in_the_image_unprivileged_and_with_a_read_only_root()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounts need root");
        Assert.SkipUnless(File.Exists("/usr/bin/buildah"), "Debian's package buildah is needed");
        _ = ReleasePackages.File("SHA256SUMS");

        var run = await ToolRun.OfAsync(Repository.PathOf("deploy", "container", "check"), []);

        var said = run.Succeeded();
        Assert.Contains("user 10001:10001, health /usr/bin/agora health", said, StringComparison.Ordinal);
        Assert.Contains("customers/0 serves", said, StringComparison.Ordinal);
        Assert.Contains("buyer-server/0 answers", said, StringComparison.Ordinal);
    }
}
