namespace Agora.Servers;

/// <summary>
/// Whether this server can serve all of its functions: each database has just served a write and a read, and the
/// payment service answers.
/// </summary>
/// <remarks>
/// Anybody may ask. Those who ask at the same time share a round, and a round's result is valid for a second. So each
/// server causes at most one such write a second in the databases, and none while nobody asks. An answer is at most
/// <see cref="ServerSettings.ReadyDeadline"/> old.
/// </remarks>
internal sealed class Readiness(IEnumerable<ReadinessPart> parts, ServerSettings settings, TimeProvider time)
{
    private static readonly TimeSpan s_validity = TimeSpan.FromSeconds(1);

    private readonly ReadinessPart[] _parts = [.. parts];
    private readonly Lock _lock = new();
    private Task<string[]>? _round;
    private long _begun;

    /// <summary>The names of the parts that do not serve; none if ready.</summary>
    public Task<string[]> MissingAsync()
    {
        lock (_lock)
        {
            if (_round is null || (_round.IsCompleted && time.GetElapsedTime(_begun) >= s_validity))
            {
                _begun = time.GetTimestamp();
                _round = AskAsync();
            }

            return _round;
        }
    }

    private async Task<string[]> AskAsync() =>
        [.. (await Task.WhenAll(_parts.Select(part => part.MissingAsync(settings.ReadyDeadline)))).OfType<string>()];
}
