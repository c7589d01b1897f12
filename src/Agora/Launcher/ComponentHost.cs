using System.Globalization;
using System.Net.Sockets;
using Agora.Cluster;
using Agora.Customers;
using Agora.Operations;
using Agora.Payments;
using Agora.Products;
using Agora.Replication;
using Agora.Replication.Hosting;
using Agora.Servers;
using Agora.Telemetry;
using Agora.Web;
using Agora.Web.Operations;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace Agora.Launcher;

/// <summary>Runs one replica in this process until it is asked to end.</summary>
internal static class ComponentHost
{
    /// <summary>
    /// The variable that a supervisor sets for its processes: they end in order when their standard input closes, as it
    /// does when the supervisor dies.
    /// </summary>
    public const string SupervisedVariable = "AGORA_SUPERVISED";

    /// <summary>
    /// The variable for the log level of a whole process, the framework included: <c>Trace</c> to <c>Critical</c>.
    /// Without it our parts log what operators want to know, and the framework logs only warnings.
    /// </summary>
    public const string LogLevelVariable = "AGORA_LOG_LEVEL";

    /// <summary>The components that this program can run.</summary>
    public static IReadOnlyList<string> Runnable { get; } =
    [
        Components.Web,
        Components.Payments,
        Components.SellerServer,
        Components.BuyerServer,
        Components.Customers,
        Components.Products,
    ];

    /// <summary>False for components that a cluster file may name but that do not exist yet.</summary>
    public static bool CanRun(ClusterProcess process) => Runnable.Contains(process.Component);

    public static async Task<int> RunAsync(
        ClusterFile cluster,
        ClusterProcess process,
        DataDirectory data,
        ClusterSecrets secrets,
        bool jsonLogs
    )
    {
        // One thread more than the processor runs at a time, because one may wait for a disk. If all of them wait for
        // long, the pool adds more.
        ThreadPool.GetMinThreads(out _, out var completionPorts);
        ThreadPool.SetMinThreads(Environment.ProcessorCount + 1, completionPorts);
        WebApplication? app = null;
        Exception? failure = null;
        try
        {
            // Checked first, because a host that fails to start logs a page about it. Explain handles the case that
            // another program takes the port after this check.
            if (Ports.Taken(process.Listening) is { Count: > 0 } taken)
            {
                throw new CommandFailedException(Taken(process, taken));
            }

            var directory = data.Prepare(process);
            using var identity = secrets.Of(process, TimeProvider.System.GetUtcNow());
            var builder = CreateBuilder(jsonLogs);
            if (process.Component is Components.Customers or Components.Products or Components.Payments)
            {
                // The host logs a page about a failure that this method reports in one line. For servers it stays on,
                // because only the host reports failures of their background work.
                builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
            }

            builder.Configuration["Agora:GroupKeyFile"] ??= secrets.GroupKey(process);
            if (process.Component is Components.Customers or Components.Products)
            {
                var clusterId = secrets.ClusterId(process);
                data.CheckOwner(cluster, clusterId);
                builder.Configuration[ReplicaHosting.ClusterIdSetting] ??= clusterId;
            }

            builder.Configuration[MerchantSecret.FileSetting] ??= secrets.PaymentsSecret(process);
            if (process.Component == Components.Web)
            {
                builder.Services.AddSingleton<IControlRoom>(services => new ControlRoom(
                    data,
                    cluster,
                    identity,
                    TimeProvider.System,
                    services.GetRequiredService<ILogger<ControlRoom>>()
                ));
            }

            if (
                process.Component is Components.Customers or Components.Products
                && Environment.GetEnvironmentVariable(LabClock.Variable) is { Length: > 0 } clock
            )
            {
                builder.Services.AddSingleton<TimeProvider>(_ => new LabClock(clock));
            }

            app = Build(builder, cluster, process, directory, identity);
            var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Agora");
            identity.Refused += why => logger.LogWarning("TLS: {Why}", why);
            using CertificateWatch watch = new(
                identity,
                TimeProvider.System,
                what => logger.LogWarning("TLS: {What}", what)
            );
            if (Environment.GetEnvironmentVariable(SupervisedVariable) is "1")
            {
                EndWithSupervisor(app, logger);
            }

            using ProcessTelemetry telemetry = new(
                process.Component,
                process.Replica.ToString(CultureInfo.InvariantCulture)
            );
            using ProcessMetrics metrics = new(directory, identity, TimeProvider.System);
            await app.StartAsync();
            var replicator = app.Services.GetService<IReplicator>();
            await using var operators = await OperatorsListener.StartAsync(
                process.Operators,
                identity,
                telemetry,
                () => replicator is { Status.Ready: false } ? "reads or writes would not be served now" : null
            );
            logger.LogInformation(
                "{Process} listens on {Addresses}",
                process.Name,
                string.Join(", ", process.Listening.Select(e => $"{e.Address} ({e.Name})"))
            );
            await app.WaitForShutdownAsync();
            return 0;
        }
        catch (Exception e)
        {
            failure = e;
            if (Explain(e, process) is { } why)
            {
                throw new CommandFailedException(why, e);
            }

            throw;
        }
        finally
        {
            if (app is not null)
            {
                await CloseAsync(app, failure);
            }
        }
    }

    // Also flushes the log. After a failure, closing may fail too; only the first failure is reported.
    private static async Task CloseAsync(WebApplication app, Exception? failure)
    {
        try
        {
            await app.DisposeAsync();
        }
        catch (Exception) when (failure is not null) { }
    }

    private static WebApplication Build(
        WebApplicationBuilder builder,
        ClusterFile cluster,
        ClusterProcess process,
        string directory,
        ComponentIdentity identity
    ) =>
        process.Component switch
        {
            Components.Web => WebServer.Build(builder, cluster, process.Replica, directory),
            Components.Payments => PaymentsHost.Build(builder, cluster, process.Replica, directory, identity),
            Components.SellerServer => SellerServer.Build(builder, cluster, process.Replica, identity),
            Components.BuyerServer => BuyerServer.Build(builder, cluster, process.Replica, identity),
            Components.Customers => CustomersHost.Build(builder, cluster, process.Replica, directory, identity),
            Components.Products => ProductsHost.Build(builder, cluster, process.Replica, directory, identity),
            _ => throw new CommandFailedException($"{process.Component} cannot be run yet"),
        };

    private static WebApplicationBuilder CreateBuilder(bool jsonLogs)
    {
        // No file is watched: the configuration is the command line, the environment and the cluster file, as they were
        // at the start.
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions
            {
                Args = ["--hostBuilder:reloadConfigOnChange=false"],
                ContentRootPath = AppContext.BaseDirectory,
                EnvironmentName = Environments.Production,
            }
        );
        builder.Logging.ClearProviders();
        if (Exporting.Traces)
        {
            // Each line names the call that it is about.
            builder.Logging.Configure(options =>
                options.ActivityTrackingOptions = ActivityTrackingOptions.TraceId | ActivityTrackingOptions.SpanId
            );
        }

        if (jsonLogs)
        {
            builder.Logging.AddJsonConsole(options =>
            {
                options.IncludeScopes = true;
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
            });
        }
        else
        {
            builder.Logging.AddSimpleConsole(options =>
            {
                options.SingleLine = true;
                // The scope shows which request a line is about.
                options.IncludeScopes = true;
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                options.ColorBehavior = LoggerColorBehavior.Default;
            });
        }

        // If too many messages come at once, the newest are dropped and counted. Callers never wait for a slow disk or
        // terminal.
        builder.Services.Configure<ConsoleLoggerOptions>(options =>
        {
            options.MaxQueueLength = 4096;
            options.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
        if (
            Enum.TryParse<LogLevel>(
                Environment.GetEnvironmentVariable(LogLevelVariable),
                ignoreCase: true,
                out var level
            )
        )
        {
            builder.Logging.SetMinimumLevel(level);
        }
        else
        {
            builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
            // If any of its levels is on, this category creates an activity for every request.
            builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
            builder.Logging.AddFilter("Grpc", LogLevel.Warning);
            builder.Logging.AddFilter("System", LogLevel.Warning);
        }

        return builder;
    }

    // When a supervisor is killed with -9, the system closes its pipe to this process. Nothing else reveals its death.
    private static void EndWithSupervisor(WebApplication app, ILogger logger)
    {
        Posix.LeaveProcessGroup();
        var input = Console.OpenStandardInput();
        var lifetime = app.Lifetime;
        new Thread(() =>
        {
            var ignored = new byte[16];
            while (input.Read(ignored) > 0) { }

            logger.LogWarning("The supervisor is gone; ending");
            lifetime.StopApplication();
        })
        {
            IsBackground = true,
            Name = "supervisor watch",
        }.Start();
    }

    private static string Taken(ClusterProcess process, IReadOnlyList<ClusterEndpoint> endpoints) =>
        $"{process.Name}: {string.Join(", ", endpoints.Select(Ports.Describe))} is taken by another program. "
        + "End that program, or give another port in the cluster file";

    /// <summary>
    /// The line that reports a failure of the environment; null for any other failure.
    /// </summary>
    private static string? Explain(Exception exception, ClusterProcess process)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case CommandFailedException:
                    return e.Message;
                case FixableException:
                    return $"{process.Name}: {e.Message}";
                case SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }:
                    var taken = Ports.Taken(process.Listening);
                    return Taken(process, taken.Count > 0 ? taken : process.Endpoints);
                case SocketException { SocketErrorCode: SocketError.AddressNotAvailable }:
                    return $"{process.Name}: {process.Host} is no address of this host. "
                        + "Correct it in the cluster file, or start this process on its own host";
                case SocketException { SocketErrorCode: SocketError.AccessDenied }:
                    return $"{process.Name}: {Environment.UserName} may not listen on "
                        + $"{string.Join(", ", process.Endpoints.Select(Ports.Describe))}. "
                        + "Give a port above 1023 in the cluster file";
            }
        }

        return FailureMessage.Of(exception) is { } why ? $"{process.Name}: {why}" : null;
    }
}
