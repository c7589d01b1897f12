using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Agora.Cluster;

namespace Agora.Servers;

/// <summary>Limits how often a client may call, as the cluster file says. Each server counts its own calls.</summary>
internal sealed class RateLimits : IDisposable
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private const string PolicyName = "client";

    private readonly PartitionedRateLimiter<IPAddress>? _requests;
    private readonly int _rate;
    private readonly int _burst;

    public RateLimits(LimitSettings limits, TimeProvider time)
    {
        FailedLogins = new LoginCounts(time, limits.FailedLoginsPerMinute);
        Logins = limits.LoginsPerMinute is { } logins ? new LoginCounts(time, logins) : null;
        if (limits.RequestsPerSecond is { } rate)
        {
            _rate = rate;
            _burst = limits.RequestBurst ?? 2 * rate;
            Policy = string.Create(CultureInfo.InvariantCulture, $"\"{PolicyName}\";q={_burst};w={SecondsFor(_burst)}");
            // It forgets clients that have not called for a while, so it stays small.
            _requests = PartitionedRateLimiter.Create<IPAddress, IPAddress>(client =>
                RateLimitPartition.GetTokenBucketLimiter(
                    client,
                    _ =>
                        new()
                        {
                            TokenLimit = _burst,
                            TokensPerPeriod = rate,
                            ReplenishmentPeriod = s_second,
                            QueueLimit = 0,
                        }
                )
            );
        }
    }

    /// <summary>Failed logins of each username.</summary>
    public LoginCounts FailedLogins { get; }

    /// <summary>All logins of each username; null if they are not limited.</summary>
    public LoginCounts? Logins { get; }

    /// <summary>
    /// The value of the header <c>RateLimit-Policy</c> (draft-ietf-httpapi-ratelimit-headers): how many calls a client
    /// may make at once, and after how many seconds it may make them all again. Null without a limit.
    /// </summary>
    public string? Policy { get; }

    /// <summary>
    /// The value of the header <c>RateLimit</c>: how many calls this client has left. Null without a limit.
    /// </summary>
    public string? Left(IPAddress? client) =>
        client is not null && _requests?.GetStatistics(ClientAddress.Of(client))?.CurrentAvailablePermits is { } left
            ? string.Create(CultureInfo.InvariantCulture, $"\"{PolicyName}\";r={left};t={SecondsFor(_burst - left)}")
            : null;

    /// <summary>Counts a call. If its client has made too many, returns how long it must wait.</summary>
    public TimeSpan? Count(IPAddress? client)
    {
        if (_requests is null || client is null)
        {
            return null;
        }

        using var lease = _requests.AttemptAcquire(ClientAddress.Of(client));
        return lease.IsAcquired ? null
            : lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait
            : s_second;
    }

    public void Dispose() => _requests?.Dispose();

    private long SecondsFor(long calls) => (calls + _rate - 1) / _rate;
}
