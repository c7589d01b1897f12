using Agora.Cluster;
using Agora.Commands;
using Agora.Launcher;
using Xunit;

namespace Agora.Tests;

/// <summary>
/// Which keys a command makes at a start, and which it must never make.
/// </summary>
public sealed class CommandSecretsTests : IDisposable
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;

    private readonly Scratch _scratch = new();

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_lost_group_key_is_replaced_for_all_its_users_and_never_for_one_alone()
    {
        DataDirectory data = new(_scratch["data"]);
        await CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: false, CancellationToken);
        var key = Path.Combine(data.Secrets.Directory, "customers.key");
        File.Delete(key);

        var message = (
            await Assert.ThrowsAsync<CommandFailedException>(() =>
                CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: false, CancellationToken)
            )
        ).Message;

        Assert.StartsWith(
            $"{key}: is missing, and the other replicas have it. Copy it",
            message,
            StringComparison.Ordinal
        );
        Assert.False(File.Exists(key));
        await CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, CancellationToken);
        Assert.Equal(32, new FileInfo(key).Length);
    }

    [Fact]
    public async Task Keys_of_several_hosts_are_not_made_by_each_of_them()
    {
        DataDirectory data = new(_scratch["data"]);

        var e = await Assert.ThrowsAsync<CommandFailedException>(() =>
            CommandSecrets.EnsureAsync(
                data.Secrets,
                data,
                ClusterCommand.Spread(["127.0.0.1", "192.0.2.2", "192.0.2.3"]),
                forAll: true,
                CancellationToken
            )
        );

        Assert.Contains("agora cluster keys --cluster FILE", e.Message, StringComparison.Ordinal);
        Assert.False(data.Secrets.Exist);
    }

    /// <summary>Also where a directory is from a version that made fewer.</summary>
    [Theory]
    [InlineData("data/secrets", true)]
    [InlineData("given", true)]
    [InlineData("given", false)]
    public async Task Missing_keys_are_made_at_a_start_where_the_authoritys_key_is(string directory, bool hasAuthority)
    {
        DataDirectory data = new(_scratch["data"]);
        ClusterSecrets secrets = new(_scratch[directory]);
        await secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, CancellationToken);
        File.Delete(secrets.PaymentsSecret());
        if (!hasAuthority)
        {
            File.Delete(Path.Combine(secrets.Directory, "authority.key"));
        }

        await CommandSecrets.EnsureAsync(secrets, data, ClusterFile.Default, forAll: true, CancellationToken);

        Assert.Equal(hasAuthority, File.Exists(secrets.PaymentsSecret()));
        if (!hasAuthority)
        {
            var refusal = Assert
                .ThrowsAny<IOException>(() =>
                    MerchantSecret.For(ClusterFile.Default.Payments, secrets.PaymentsSecret())
                )
                .Message;
            Assert.Contains("'agora cluster keys' makes it", refusal, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_lost_group_key_is_not_replaced_while_the_group_has_data()
    {
        DataDirectory data = new(_scratch["data"]);
        await CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, CancellationToken);
        var key = Path.Combine(data.Secrets.Directory, "customers.key");
        var first = File.ReadAllBytes(key);

        // No replica has used the key yet.
        File.Delete(key);
        await CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, CancellationToken);
        Assert.NotEqual(first, File.ReadAllBytes(key));

        File.Delete(key);
        File.WriteAllText(Path.Combine(data.Prepare(Scratch.Process(Components.Customers, 3)), "state.db"), "accounts");
        var e = await Assert.ThrowsAsync<CommandFailedException>(() =>
            CommandSecrets.EnsureAsync(data.Secrets, data, ClusterFile.Default, forAll: true, CancellationToken)
        );
        Assert.Contains(key, e.Message, StringComparison.Ordinal);
        Assert.Contains("--new-group-key", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(key));

        await data.Secrets.MakeAsync(ClusterFile.Default, s_now, renew: false, GroupKeyRule.Replace, CancellationToken);
        Assert.Equal(32, File.ReadAllBytes(key).Length);
    }
}
