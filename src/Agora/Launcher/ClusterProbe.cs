using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Text.Json;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Grpc.Core;
using Grpc.Net.Client;

namespace Agora.Launcher;

/// <summary>
/// Asks the processes of a cluster for their status over the network, as their users reach them: servers and payments
/// for their health over HTTP, database replicas for their status over gRPC. Never waits longer than its deadline, and
/// sends nothing between two questions.
/// </summary>
internal sealed class ClusterProbe : IDisposable
{
    private const string RaftEngine = "raft";
    private const string NoAnswer = "it does not answer";

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_keepAlive = TimeSpan.FromSeconds(3);

    private readonly ComponentIdentity? _identity;
    private readonly OperatorsProbe _operators;
    private readonly TimeSpan _deadline;
    private readonly ConcurrentDictionary<string, HttpClient> _clients = [];
    private readonly ConcurrentDictionary<string, GrpcChannel> _channels = [];

    /// <param name="identity">The identity that asks; without one, processes that require TLS count as not
    /// answering.</param>
    /// <param name="deadline">The deadline of each question; two seconds by default. The question whether a server is
    /// ready gets twice as much, because the server asks others.</param>
    public ClusterProbe(ComponentIdentity? identity, TimeSpan? deadline = null)
    {
        (_identity, _deadline) = (identity, deadline ?? s_deadline);
        _operators = new OperatorsProbe(identity, timeout: 2 * _deadline);
    }

    /// <summary>
    /// Asks all processes except those known to be down, and combines their answers with what the supervisor knows.
    /// </summary>
    /// <param name="processes">All processes of the cluster.</param>
    /// <param name="local">What the supervisor knows of a process without asking it.</param>
    /// <param name="brief">Leaves out whether every function is served, which takes longer to find out.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<ClusterStatus> StatusAsync(
        IReadOnlyList<ClusterProcess> processes,
        Func<ClusterProcess, LocalView?> local,
        bool brief,
        CancellationToken cancellationToken
    ) => StatusAsync(processes, local, new StatusQuestion(brief), cancellationToken);

    /// <inheritdoc cref="StatusAsync(IReadOnlyList{ClusterProcess}, Func{ClusterProcess, LocalView?}, bool,
    /// CancellationToken)"/>
    public async Task<ClusterStatus> StatusAsync(
        IReadOnlyList<ClusterProcess> processes,
        Func<ClusterProcess, LocalView?> local,
        StatusQuestion question,
        CancellationToken cancellationToken
    )
    {
        var answers = await Task.WhenAll(
            processes.Select(p =>
                local(p) is { IsUp: false }
                    ? Task.FromResult(default(ProbeAnswer))
                    : AskAsync(p, question, cancellationToken)
            )
        );
        return question.Brief
            ? StatusReport.Of(processes, answers, local, missing: null) with
            {
                // The answers say this much without a further question.
                Missing = [.. MissingDatabases(processes, answers), .. MissingServers(processes, answers)],
            }
            : StatusReport.Of(processes, answers, local, await MissingAsync(processes, answers, cancellationToken));
    }

    /// <summary>Asks one process whether it serves.</summary>
    /// <param name="process">The process.</param>
    /// <param name="live">Ask only whether it answers.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ProcessHealth> HealthAsync(ClusterProcess process, bool live, CancellationToken cancellationToken)
    {
        if (IsDatabase(process.Component))
        {
            var reply = (await AskDatabaseAsync(process, _deadline, cancellationToken)).Replica;
            var why =
                reply is null ? NoAnswer
                : live || reply.Ready ? null
                : WhyNotReady(reply);
            return new ProcessHealth(process.Name, why is null, why);
        }

        var isLive = await AskHealthAsync(process, "/health/live", _deadline, cancellationToken);
        var health =
            isLive.IsOk && !live
                ? await AskHealthAsync(process, "/health/ready", 2 * _deadline, cancellationToken)
                : isLive;
        var reason = health.Detail ?? (isLive.IsOk ? "it does not say in time that it is ready" : NoAnswer);
        return new ProcessHealth(process.Name, health.IsOk, health.IsOk ? null : reason);
    }

    private async Task<ProbeAnswer> AskAsync(
        ClusterProcess process,
        StatusQuestion question,
        CancellationToken cancellationToken
    )
    {
        var deadline = question.Deadline ?? _deadline;
        var functions =
            question.Functions
            && process is { Component: Components.SellerServer or Components.BuyerServer, Operators: not null }
                ? _operators.FunctionsAsync(process, deadline, cancellationToken)
                : Task.FromResult<IReadOnlyList<FunctionCounts>?>(null);
        var build =
            !question.Brief && !IsDatabase(process.Component) && process.Operators is not null
                ? _operators.BuildAsync(process, deadline, cancellationToken)
                : Task.FromResult<string?>(null);
        var answer = IsDatabase(process.Component)
            ? await AskDatabaseAsync(process, deadline, cancellationToken)
            : await AskLiveAsync(process, deadline, cancellationToken);
        return answer.Answers
            ? answer with
            {
                At = TimeProvider.System.GetUtcNow().UtcDateTime,
                Functions = await functions,
                Build = await build,
            }
            : answer;
    }

    private IEnumerable<string> MissingServers(IReadOnlyList<ClusterProcess> processes, ProbeAnswer[] answers) =>
        processes
            .Zip(answers, (process, answer) => (Process: process, Answer: answer))
            .GroupBy(p => p.Process.Component)
            .Where(g => !IsDatabase(g.Key) && g.Any(p => MayAsk(p.Process)) && g.All(p => !p.Answer.Answers))
            .Select(g => NoneAnswers(g.Key));

    private static string NoneAnswers(string component) => $"{component}: none answers";

    private string[] MissingDatabases(IReadOnlyList<ClusterProcess> processes, ProbeAnswer[] answers) =>
        _identity is null
            ? []
            :
            [
                .. processes
                    .Zip(answers, (process, answer) => (Process: process, Answer: answer))
                    .GroupBy(p => p.Process.Component)
                    .Where(g => IsDatabase(g.Key))
                    .Select(g => MissingIn(g.Key, [.. g]))
                    .OfType<string>(),
            ];

    /// <summary>
    /// What is not served; empty if at least one replica of every component says that it is ready. A server is ready
    /// only if a write and a read have just succeeded at both databases. So no server is asked while the databases' own
    /// replicas say that they cannot serve; they also know the reason.
    /// </summary>
    private async Task<IReadOnlyList<string>> MissingAsync(
        IReadOnlyList<ClusterProcess> processes,
        ProbeAnswer[] answers,
        CancellationToken cancellationToken
    )
    {
        IGrouping<string, (ClusterProcess Process, ProbeAnswer Answer)>[] groups =
        [
            .. processes.Zip(answers, (process, answer) => (process, answer)).GroupBy(p => p.process.Component),
        ];
        var databases = MissingDatabases(processes, answers);
        if (databases.Length > 0)
        {
            return databases;
        }

        var missing = await Task.WhenAll(
            groups
                .Where(g => !IsDatabase(g.Key) && g.Any(p => MayAsk(p.Process)))
                .Select(g =>
                    MissingOfAsync(g.Key, [.. g.Where(p => p.Answer.Answers).Select(p => p.Process)], cancellationToken)
                )
        );
        return [.. missing.OfType<string>().Select(what => what + Behind(groups, what))];
    }

    /// <summary>Why a database does not serve, by its replicas' answers; null if it does.</summary>
    internal static string? MissingIn(
        string database,
        IReadOnlyList<(ClusterProcess Process, ProbeAnswer Answer)> replicas
    )
    {
        static string Names(IEnumerable<(ClusterProcess Process, ProbeAnswer Answer)> some) =>
            string.Join(", ", some.Select(p => p.Process.Name));

        (ClusterProcess Process, ProbeAnswer Answer)[] away = [.. replicas.Where(p => p.Answer.Replica is null)];
        (ClusterProcess Process, ProbeAnswer Answer)[] unready =
        [
            .. replicas.Where(p => p.Answer.Replica is { Ready: false }),
        ];
        var majority = (replicas.Count / 2) + 1;
        var needsAll = replicas.Any(p => p.Answer.Replica is { Engine: not RaftEngine });
        var doNotAnswer = $"{Names(away)} {(away.Length == 1 ? "does" : "do")} not answer";
        return replicas.Count - away.Length < majority
                ? $"{database}: reads and writes wait for a majority; {doNotAnswer}"
            : needsAll && away.Length > 0 ? $"{database}: writes wait for {Names(away)}"
            : needsAll
            && unready.FirstOrDefault(p => p.Answer.Replica!.Details?.Joining is not null) is ({ } joining, var answer)
                ? $"{database}: writes wait for {joining.Name}, which joins: " + answer.Replica!.Details.Joining.Reason
            : needsAll && unready.Length > 0
                ? $"{database}: writes wait until every replica hears all others; not yet {Names(unready)}"
            : replicas.Count - away.Length - unready.Length < majority
                ? $"{database}: reads and writes wait for a leader to be elected"
            : null;
    }

    // If writes fail although all replicas answer, a replica that has applied less than the others is the likely cause.
    private static string Behind(
        IEnumerable<IGrouping<string, (ClusterProcess Process, ProbeAnswer Answer)>> groups,
        string what
    )
    {
        var behind = groups
            .Where(g => IsDatabase(g.Key) && what.Contains($"{g.Key} database", StringComparison.Ordinal))
            .SelectMany(g =>
            {
                var highest = g.Max(p => p.Answer.Replica?.Applied ?? 0);
                return g.Where(p => p.Answer.Replica?.Applied < highest).Select(p => p.Process.Name);
            });
        return string.Join(", ", behind) is { Length: > 0 } names ? $"; behind the others: {names}" : "";
    }

    // Over HTTPS the payment service answers only the operator and the buyer servers. For other identities the buyer
    // servers' readiness replaces it: they are ready only if it is.
    private bool MayAsk(ClusterProcess process) =>
        process is not { Component: Components.Payments, Endpoints: [{ Name: "https" }, ..] }
        || _identity?.Component is ClusterSecrets.Operator or Components.BuyerServer;

    private static string WhyNotReady(StatusReply reply) =>
        reply.Details?.Joining is { } joining ? $"it joins its group: {joining.Reason}"
        : reply.Engine == RaftEngine ? "it waits for a leader to be elected"
        : "it does not hear all others of its group, and writes wait until it does";

    // Asks all at once: a server that hangs must not delay the others' answers.
    private async Task<string?> MissingOfAsync(
        string component,
        IReadOnlyList<ClusterProcess> processes,
        CancellationToken cancellationToken
    )
    {
        if (processes.Count == 0)
        {
            return NoneAnswers(component);
        }

        using var found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<Health>[] asked =
        [
            .. processes.Select(p => AskHealthAsync(p, "/health/ready", 2 * _deadline, found.Token)),
        ];
        string? why = null;
        try
        {
            await foreach (var answer in Task.WhenEach(asked))
            {
                var health = await answer;
                if (health.IsOk)
                {
                    return null;
                }

                why = health.Detail ?? why;
            }

            return $"{component}: none is ready{(why is null ? "" : $": {why}")}";
        }
        finally
        {
            // The other answers no longer matter, but no request may be left running.
            await found.CancelAsync();
            await ((Task)Task.WhenAll(asked)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool IsDatabase(string component) => component is Components.Customers or Components.Products;

    private async Task<ProbeAnswer> AskLiveAsync(
        ClusterProcess process,
        TimeSpan deadline,
        CancellationToken cancellationToken
    ) => new((await AskHealthAsync(process, "/health/live", deadline, cancellationToken)).IsOk, null);

    private async Task<Health> AskHealthAsync(
        ClusterProcess process,
        string path,
        TimeSpan deadline,
        CancellationToken cancellationToken
    )
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bound.CancelAfter(deadline);
        try
        {
            var endpoint = process.Endpoints[0];
            using var response = await ClientOf(process)
                .GetAsync(
                    new Uri($"{endpoint.Name}://{endpoint.Address}{path}"),
                    HttpCompletionOption.ResponseHeadersRead,
                    bound.Token
                );
            return response.StatusCode == HttpStatusCode.OK
                ? new(true, null)
                : new(false, await DetailAsync(response, bound.Token));
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested)
            )
        {
            return default;
        }
    }

    // The detail of a refusal of ours; null if another program answers at the address.
    private static async Task<string?> DetailAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using var problem = await JsonDocument.ParseAsync(
                await response.Content.ReadAsStreamAsync(cancellationToken),
                default,
                cancellationToken
            );
            return problem.RootElement.TryGetProperty("detail", out var detail) ? detail.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private readonly record struct Health(bool IsOk, string? Detail);

    private async Task<ProbeAnswer> AskDatabaseAsync(
        ClusterProcess process,
        TimeSpan deadline,
        CancellationToken cancellationToken
    )
    {
        if (_identity is null)
        {
            return default;
        }

        var channel = _channels.GetOrAdd(
            process.Name,
            _ =>
                GrpcChannel.ForAddress(
                    $"https://{process.Endpoints[0].Address}",
                    new GrpcChannelOptions { HttpClient = ClientOf(process) }
                )
        );
        try
        {
            var reply = await new Replica.ReplicaClient(channel).GetStatusAsync(
                new StatusRequest(),
                deadline: DateTime.UtcNow + deadline,
                cancellationToken: cancellationToken
            );
            return new ProbeAnswer(true, reply);
        }
        catch (RpcException)
        {
            // The library reports a cancellation with the same exception.
            cancellationToken.ThrowIfCancellationRequested();
            return default;
        }
    }

    // One client for each process, because each process has its own certificate. The certificate that servers show to
    // users is not verified here: the probe only asks for health.
    private HttpClient ClientOf(ClusterProcess process) =>
        _clients.GetOrAdd(
            process.Name,
            _ => new HttpClient(
                new SocketsHttpHandler
                {
                    // Long enough to keep the connection between two questions of a supervisor. One to a host that has
                    // gone is given up, and the next looks the name up.
                    PooledConnectionIdleTimeout = TimeSpan.FromSeconds(5),
                    ConnectTimeout = s_keepAlive,
                    KeepAlivePingDelay = s_keepAlive,
                    KeepAlivePingTimeout = s_keepAlive,
                    UseProxy = false,
                    ActivityHeadersPropagator = null,
                    SslOptions = process.Component
                        is Components.SellerServer
                            or Components.BuyerServer
                            or Components.Web
                        ? new SslClientAuthenticationOptions
                        {
                            RemoteCertificateValidationCallback = (_, _, _, errors) =>
                                !errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable),
                        }
                        : _identity?.ClientOptions(process.Component, process.Replica),
                }
            )
            {
                Timeout = 2 * _deadline,
            }
        );

    public void Dispose()
    {
        _operators.Dispose();
        foreach (var channel in _channels.Values)
        {
            channel.Dispose();
        }

        foreach (var client in _clients.Values)
        {
            client.Dispose();
        }
    }
}
