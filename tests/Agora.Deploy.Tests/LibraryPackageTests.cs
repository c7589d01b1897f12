using System.Reflection.Metadata;
using System.Text;
using System.Xml.Linq;

namespace Agora.Deploy.Tests;

/// <summary>The broadcast library as others get it: a NuGet package in a folder.</summary>
public sealed class LibraryPackageTests(LibraryPackage package) : IClassFixture<LibraryPackage>, IDisposable
{
    private const string Program = """
        using System.Net;
        using System.Text;
        using RotatingSequencer;

        await using var member = await Member.StartAsync(
            new MemberOptions
            {
                Id = 0,
                Members = [IPEndPoint.Parse("127.0.0.1:" + args[0])],
                GroupKey = new byte[32],
            },
            new Echo()
        );
        var answer = await member.BroadcastAsync("hello"u8.ToArray());
        Console.WriteLine(Encoding.UTF8.GetString(answer.Span));

        sealed class Echo : IDeliveryHandler
        {
            public long Applied => -1;

            public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
            {
                for (var i = 0; i < deliveries.Length; i++)
                {
                    var text = Encoding.UTF8.GetString(deliveries[i].Payload.Span);
                    results[i] = Encoding.UTF8.GetBytes($"{text} is number {deliveries[i].Number}");
                }
            }

            public bool TryFlush() => false;
        }
        """;

    private static readonly Guid s_embeddedSource = new("0E8A571B-6926-466E-B4AD-8AB04611F5FE");

    private readonly string _folder = Directory.CreateTempSubdirectory("agora-package-user-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_program_that_has_only_the_package_builds_and_orders_a_message()
    {
        var packages =
            Environment.GetEnvironmentVariable("NUGET_PACKAGES")
            ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");
        Write("Program.cs", Program);
        // Packages that this machine has are taken from where they are; ours is never left among them.
        Write(
            "user.csproj",
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <RestorePackagesPath>{_folder}/packages</RestorePackagesPath>
                <RestoreFallbackFolders>{packages}</RestoreFallbackFolders>
                <RestoreAdditionalProjectSources>{package.Folder}</RestoreAdditionalProjectSources>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="RotatingSequencer" Version="[{package.Version}]" />
              </ItemGroup>
            </Project>
            """
        );

        (
            await ToolRun.OfAsync(
                "dotnet",
                ["build", "-o", "out", "--nologo", "-nodeReuse:false", "-p:UseSharedCompilation=false"],
                _folder
            )
        ).Succeeded();
        var answer = await ToolRun.OfAsync("dotnet", ["out/user.dll", $"{Testing.FreePorts.Take()}"], _folder);

        Assert.Equal("hello is number 0", answer.Succeeded().Trim());
        Assert.True(Directory.Exists(Path.Combine(_folder, "packages", "rotatingsequencer", package.Version)));
    }

    [Fact]
    public async Task It_says_what_it_is_and_brings_its_documentation()
    {
        var text = Encoding.UTF8.GetString(await LibraryPackage.ReadAsync(package.File, "RotatingSequencer.nuspec"));
        var metadata = XDocument.Parse(text.TrimStart('\uFEFF')).Root!.Elements().Single();
        string? Field(string name) => metadata.Elements().SingleOrDefault(e => e.Name.LocalName == name)?.Value;

        Assert.Equal("MIT", Field("license"));
        Assert.Equal("README.md", Field("readme"));
        Assert.StartsWith("Atomic broadcast over UDP", Field("description"), StringComparison.Ordinal);
        Assert.Contains("atomic-broadcast", Field("tags"), StringComparison.Ordinal);
        var repository = metadata.Elements().Single(e => e.Name.LocalName == "repository");
        Assert.Matches("^[0-9a-f]{40}$", repository.Attribute("commit")?.Value);
        Assert.Equal(
            await File.ReadAllBytesAsync(
                Repository.PathOf("src", "RotatingSequencer", "README.md"),
                TestContext.Current.CancellationToken
            ),
            await LibraryPackage.ReadAsync(package.File, "README.md")
        );
        var comments = Encoding.UTF8.GetString(
            await LibraryPackage.ReadAsync(package.File, "lib/net10.0/RotatingSequencer.xml")
        );
        Assert.Contains("M:RotatingSequencer.Member.BroadcastAsync", comments, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_symbols_hold_the_sources_under_paths_of_no_machine()
    {
        var symbols = await LibraryPackage.ReadAsync(package.Symbols, "lib/net10.0/RotatingSequencer.pdb");
        using var provider = MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(symbols));
        var reader = provider.GetMetadataReader();

        string[] embedded =
        [
            .. reader
                .CustomDebugInformation.Select(reader.GetCustomDebugInformation)
                .Where(info => reader.GetGuid(info.Kind) == s_embeddedSource)
                .Select(info => reader.GetDocument((DocumentHandle)info.Parent))
                .Select(document => reader.GetString(document.Name)),
        ];

        Assert.Contains("/_/src/RotatingSequencer/Member.cs", embedded);
        Assert.DoesNotContain(embedded, name => !name.StartsWith("/_/", StringComparison.Ordinal));
    }

    private void Write(string name, string content) => File.WriteAllText(Path.Combine(_folder, name), content);
}
