using System.Net;
using System.Threading.RateLimiting;
using Agora.Contracts.Cluster;

namespace Agora.Servers;

/// <summary>How often somebody may call, as the cluster file says. Each server counts for itself.</summary>
internal sealed class RateLimits : IDisposable
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private readonly PartitionedRateLimiter<IPAddress>? _requests;

    public RateLimits(LimitSettings limits, TimeProvider time)
    {
        FailedLogins = new LoginCounts(time, limits.FailedLoginsPerMinute);
        Logins = limits.LoginsPerMinute is { } logins ? new LoginCounts(time, logins) : null;
        if (limits.RequestsPerSecond is { } rate)
        {
            // It forgets whoever has not called for a while, so that it stays small.
            _requests = PartitionedRateLimiter.Create<IPAddress, IPAddress>(client => RateLimitPartition.GetTokenBucketLimiter(client, _ => new()
            {
                TokenLimit = limits.RequestBurst ?? 2 * rate,
                TokensPerPeriod = rate,
                ReplenishmentPeriod = s_second,
                QueueLimit = 0,
            }));
        }
    }

    /// <summary>Failed logins of each username.</summary>
    public LoginCounts FailedLogins { get; }

    /// <summary>All logins of each username, where they are limited.</summary>
    public LoginCounts? Logins { get; }

    /// <summary>Counts a call; how long its client has to wait instead, where it has made too many.</summary>
    public TimeSpan? Count(IPAddress? client)
    {
        if (_requests is null || client is null)
        {
            return null;
        }
        using var lease = _requests.AttemptAcquire(ClientAddress.Of(client));
        return lease.IsAcquired ? null : lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : s_second;
    }

    public void Dispose() => _requests?.Dispose();
}
