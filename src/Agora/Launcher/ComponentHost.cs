using System.Net.Sockets;
using Agora.Contracts.Cluster;
using Agora.Contracts.Faults;
using Agora.Contracts.Payments;
using Agora.Contracts.Security;
using Agora.Customers;
using Agora.Payments;
using Agora.Products;
using Agora.Servers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Names = Agora.Contracts.Cluster.Components;

namespace Agora.Launcher;

/// <summary>Runs one replica in this process until it is told to end.</summary>
internal static class ComponentHost
{
    /// <summary>Set for the processes of a supervisor: they end in order when their standard input closes, which it does when the supervisor dies.</summary>
    public const string SupervisedVariable = "AGORA_SUPERVISED";

    /// <summary>
    /// <c>Trace</c> to <c>Critical</c>: how much all parts of a process say, those of the framework included. Without it ours say what operators
    /// want to know, and the framework's only what is wrong.
    /// </summary>
    public const string LogLevelVariable = "AGORA_LOG_LEVEL";

    /// <summary>The components that this program holds.</summary>
    public static IReadOnlyList<string> Components { get; } =
        [Names.Payments, Names.SellerServer, Names.BuyerServer, Names.Customers, Names.Products];

    /// <summary>A cluster file may also name what does not exist yet.</summary>
    public static bool CanRun(ClusterProcess process) => Components.Contains(process.Component);

    public static async Task<int> RunAsync(
        ClusterFile cluster, ClusterProcess process, DataDirectory data, ClusterSecrets secrets, bool jsonLogs)
    {
        // One more than the processor runs at a time, as one may wait for a disk. Where all of them wait for long, the pool adds others by itself.
        ThreadPool.GetMinThreads(out _, out int completionPorts);
        ThreadPool.SetMinThreads(Environment.ProcessorCount + 1, completionPorts);
        WebApplication? app = null;
        Exception? failure = null;
        try
        {
            // Looked at before, because a host that fails to start logs a page about it; Explain still knows, should another program be faster.
            if (Ports.Taken(process.Endpoints) is { Count: > 0 } taken)
            {
                throw new CommandFailedException(Taken(process, taken));
            }
            string directory = data.Prepare(process);
            using ComponentIdentity identity = secrets.Of(process, TimeProvider.System.GetUtcNow());
            WebApplicationBuilder builder = CreateBuilder(jsonLogs);
            if (process.Component is Names.Customers or Names.Products or Names.Payments)
            {
                // It logs a page of what this method then says in one line. Servers have background work besides, of which only the host tells.
                builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
            }
            builder.Configuration["Agora:GroupKeyFile"] ??= secrets.GroupKey(process);
            builder.Configuration[MerchantSecret.FileSetting] ??= secrets.PaymentsSecret(process);
            app = Build(builder, cluster, process, directory, identity);
            ILogger logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Agora");
            identity.Refused += why => logger.LogWarning("TLS: {Why}", why);
            using CertificateWatch watch = new(identity, TimeProvider.System, what => logger.LogWarning("TLS: {What}", what));
            if (Environment.GetEnvironmentVariable(SupervisedVariable) is "1")
            {
                EndWithSupervisor(app, logger);
            }
            await app.StartAsync();
            logger.LogInformation("{Process} listens on {Addresses}", process.Name, string.Join(", ", process.Endpoints.Select(e => $"{e.Address} ({e.Name})")));
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

    // Also flushes what is still to be logged. What a failure has broken may not close any more either: the first failure is the one to tell.
    private static async Task CloseAsync(WebApplication app, Exception? failure)
    {
        try
        {
            await app.DisposeAsync();
        }
        catch (Exception) when (failure is not null)
        {
        }
    }

    private static WebApplication Build(WebApplicationBuilder builder, ClusterFile cluster, ClusterProcess process, string directory, ComponentIdentity identity) => process.Component switch
    {
        Names.Payments => PaymentsHost.Build(builder, cluster, process.Replica, directory, identity),
        Names.SellerServer => SellerServer.Build(builder, cluster, process.Replica, identity),
        Names.BuyerServer => BuyerServer.Build(builder, cluster, process.Replica, identity),
        Names.Customers => CustomersHost.Build(builder, cluster, process.Replica, directory, identity),
        Names.Products => ProductsHost.Build(builder, cluster, process.Replica, directory, identity),
        _ => throw new CommandFailedException($"{process.Component} cannot be run yet"),
    };

    private static WebApplicationBuilder CreateBuilder(bool jsonLogs)
    {
        // No file is watched: a process's configuration is its command line, its environment and the cluster file, all as they were at its start.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            Args = ["--hostBuilder:reloadConfigOnChange=false"],
            ContentRootPath = AppContext.BaseDirectory,
            EnvironmentName = Environments.Production,
        });
        builder.Logging.ClearProviders();
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
                // Which request a line is about.
                options.IncludeScopes = true;
                options.UseUtcTimestamp = true;
                options.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
                options.ColorBehavior = LoggerColorBehavior.Default;
            });
        }

        // Under a storm of messages the newest are dropped and counted, rather than callers made to wait for a slow disk or terminal.
        builder.Services.Configure<ConsoleLoggerOptions>(options =>
        {
            options.MaxQueueLength = 4096;
            options.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
        if (Enum.TryParse(Environment.GetEnvironmentVariable(LogLevelVariable), ignoreCase: true, out LogLevel level))
        {
            builder.Logging.SetMinimumLevel(level);
        }
        else
        {
            builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
            // It would make an activity for every request as soon as anything of it is to be logged.
            builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
            builder.Logging.AddFilter("Grpc", LogLevel.Warning);
            builder.Logging.AddFilter("System", LogLevel.Warning);
        }
        return builder;
    }

    // The pipe is the only thing that a supervisor killed with −9 still does for its processes: the system closes it.
    private static void EndWithSupervisor(WebApplication app, ILogger logger)
    {
        Posix.LeaveProcessGroup();
        Stream input = Console.OpenStandardInput();
        IHostApplicationLifetime lifetime = app.Lifetime;
        new Thread(() =>
        {
            byte[] ignored = new byte[16];
            while (input.Read(ignored) > 0)
            {
            }
            logger.LogWarning("The supervisor is gone; ending");
            lifetime.StopApplication();
        })
        { IsBackground = true, Name = "supervisor watch" }.Start();
    }

    private static string Taken(ClusterProcess process, IReadOnlyList<ClusterEndpoint> endpoints) =>
        $"{process.Name}: {string.Join(", ", endpoints.Select(Ports.Describe))} is taken by another program. End that program, or give another port in the cluster file";

    /// <summary>Says in one line what of the environment is wrong and which part it is about; null when it is none of that.</summary>
    private static string? Explain(Exception exception, ClusterProcess process)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case CommandFailedException:
                    return e.Message;
                case FixableException:
                    return $"{process.Name}: {e.Message}";
                case SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }:
                    IReadOnlyList<ClusterEndpoint> taken = Ports.Taken(process.Endpoints);
                    return Taken(process, taken.Count > 0 ? taken : process.Endpoints);
                case SocketException { SocketErrorCode: SocketError.AddressNotAvailable }:
                    return $"{process.Name}: {process.Host} is no address of this host. Correct it in the cluster file, or start this process on its own host";
                case SocketException { SocketErrorCode: SocketError.AccessDenied }:
                    return $"{process.Name}: listening on {string.Join(", ", process.Endpoints.Select(Ports.Describe))} is not allowed to {Environment.UserName}. Give a port above 1023 in the cluster file";
            }
        }
        return Explanation.Of(exception) is { } why ? $"{process.Name}: {why}" : null;
    }
}
