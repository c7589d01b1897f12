using System.Collections.Concurrent;
using Agora.Cluster;
using Agora.Telemetry;

namespace Agora.Launcher;

/// <summary>
/// Asks processes at their ports for operators. An answer is null where the process does not say: it is too busy, or of
/// an earlier version.
/// </summary>
/// <param name="identity">The identity that asks; ports on a loopback address want none.</param>
/// <param name="timeout">The longest time for which a question waits, whatever its own deadline.</param>
internal sealed class OperatorsProbe(ComponentIdentity? identity, TimeSpan timeout) : IDisposable
{
    private readonly ConcurrentDictionary<string, HttpClient> _clients = [];

    /// <summary>What a server has served since its start.</summary>
    public Task<IReadOnlyList<FunctionCounts>?> FunctionsAsync(
        ClusterProcess process,
        TimeSpan deadline,
        CancellationToken cancellationToken
    ) =>
        AskAsync<IReadOnlyList<FunctionCounts>>(
            process,
            ProcessTelemetry.MetricsPath,
            async (answer, ended) => FunctionMetrics.Parse(await answer.Content.ReadAsStringAsync(ended)),
            deadline,
            cancellationToken
        );

    /// <summary>The build of the program that a process runs.</summary>
    public Task<string?> BuildAsync(ClusterProcess process, TimeSpan deadline, CancellationToken cancellationToken) =>
        AskAsync(
            process,
            OperatorsListener.LivePath,
            (answer, _) =>
                Task.FromResult(
                    answer.Headers.TryGetValues(ProgramBuild.Header, out var values)
                    && values.First() is { Length: > 0 and <= ProgramBuild.MaxLength } build
                        ? build
                        : null
                ),
            deadline,
            cancellationToken
        );

    private async Task<T?> AskAsync<T>(
        ClusterProcess process,
        string path,
        Func<HttpResponseMessage, CancellationToken, Task<T?>> read,
        TimeSpan deadline,
        CancellationToken cancellationToken
    )
        where T : class
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(deadline);
        try
        {
            var endpoint = process.Operators!;
            var scheme = Loopback.Is(endpoint.Host) ? Uri.UriSchemeHttp : Uri.UriSchemeHttps;
            using var answer = await ClientOf(process)
                .GetAsync(new Uri($"{scheme}://{endpoint.Address}{path}"), bound.Token);
            return answer.IsSuccessStatusCode ? await read(answer, bound.Token) : null;
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            return null;
        }
    }

    private HttpClient ClientOf(ClusterProcess process) =>
        _clients.GetOrAdd(
            process.Name,
            _ => new HttpClient(
                new SocketsHttpHandler
                {
                    PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
                    UseProxy = false,
                    ActivityHeadersPropagator = null,
                    SslOptions = identity?.ClientOptions(process.Component, process.Replica),
                }
            )
            {
                Timeout = timeout,
            }
        );

    public void Dispose()
    {
        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }
}
