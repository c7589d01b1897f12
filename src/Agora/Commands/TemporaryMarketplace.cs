using System.Globalization;
using Agora.Cluster;
using Agora.Evaluation;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// A marketplace that one command starts for its own use, on free ports. Its directory is temporary, or a given one
/// that is kept.
/// </summary>
internal sealed class TemporaryMarketplace : IAsyncDisposable
{
    // Below the ports that outgoing connections get by default, so that none of these takes a port between the check
    // and the start.
    private const int MinPort = 12_000;
    private const int MaxPort = 32_000;

    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(2);

    private readonly MarketplacePlan _plan;
    private readonly Action<string> _say;
    private LocalMarketplace? _marketplace;

    /// <param name="shape">Engines, numbers of replicas and settings.</param>
    /// <param name="labSeed">The seed of the lab that it runs in; null for no lab.</param>
    /// <param name="directory">A directory for its data, which is kept; null for a temporary one.</param>
    /// <param name="say">Receives a line for each event; null for the console.</param>
    public TemporaryMarketplace(ClusterFile shape, ulong? labSeed, string? directory = null, Action<string>? say = null)
    {
        _say = say ?? (line => Console.WriteLine(LogFiles.ErrorPrefix + line));
        Data = new DataDirectory(directory ?? Directory.CreateTempSubdirectory("agora-own-").FullName);
        IsKept = directory is not null;
        _plan = new(OnFreePorts(shape), Data, Data.Secrets)
        {
            Lab = labSeed is null ? null : LabKind.Relays,
            LabSeed = labSeed ?? 0,
        };
    }

    public DataDirectory Data { get; }

    /// <summary>Data and logs are kept when it is disposed.</summary>
    public bool IsKept { get; set; }

    /// <summary>Starts it, and waits until every function is served.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _say(
            string.Create(
                CultureInfo.InvariantCulture,
                $"starting {_plan.Listening().Count} processes, data in {Data.Root}"
            )
        );
        PollDeadline deadline = new(s_timeout);
        _marketplace = await LocalMarketplace.StartAsync(_plan, _say, cancellationToken);
        while ((await _marketplace.Supervisor.StatusAsync(cancellationToken)).NotReadyReason is { } reason)
        {
            if (deadline.HasPassed())
            {
                throw new CommandFailedException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the marketplace is not ready after {deadline.Elapsed.TotalSeconds:0} s: {reason}"
                    )
                );
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300), cancellationToken);
        }

        _say(string.Create(CultureInfo.InvariantCulture, $"ready after {deadline.Elapsed.TotalSeconds:0.0} s"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_marketplace is not null)
        {
            await _marketplace.Supervisor.StopAsync();
            await _marketplace.DisposeAsync();
        }

        if (!IsKept)
        {
            Directory.Delete(Data.Root, recursive: true);
        }
    }

    /// <summary>The same cluster on this machine, at free ports.</summary>
    internal static ClusterFile OnFreePorts(ClusterFile shape)
    {
        var count = 1 + shape.Processes().Sum(p => p.Endpoints.Count);
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var port = Random.Shared.Next(MinPort, MaxPort - count);
            var file = shape
                .WithoutOperatorsPorts()
                .WithAddresses(
                    (_, _, _) => new ServerAddress { Port = port++ },
                    (_, _, _) => new DatabaseAddress { GrpcPort = port++, PeerPort = port++ }
                );
            if (Ports.Taken(file.Processes().SelectMany(p => p.Endpoints)).Count == 0)
            {
                return file;
            }
        }

        throw new CommandFailedException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"no {count} free ports in a row between {MinPort} and {MaxPort}"
            )
        );
    }
}
