using System.Diagnostics;
using System.Globalization;
using Agora.Cluster;
using Agora.Contracts.Replication;
using Agora.Launcher;
using Agora.Payments;
using Agora.Replication;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Data.Sqlite;

namespace Agora.Backups;

/// <summary>
/// Makes a back-up of a marketplace that runs: customers, products, payments, in this order
/// (<see cref="BackupBooks"/> says why). Any replica of a database will do. While a majority of it runs, it gives its
/// state with everything that was acknowledged before.
/// </summary>
internal sealed class BackupRun(
    ClusterFile cluster,
    ComponentIdentity identity,
    MerchantSecret? merchant,
    Action<string> say,
    TimeProvider time
)
{
    private const string CustomersFile = "customers.db";
    private const string ProductsFile = "products.db";
    private const string PaymentsFile = "payments.db";

    private static readonly TimeSpan s_statusTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_sayInterval = TimeSpan.FromSeconds(5);

    // Enough for a state of several gigabytes on a slow network.
    private static readonly TimeSpan s_copyTimeout = TimeSpan.FromMinutes(10);

    /// <summary>Makes the back-up, and removes the oldest beside it.</summary>
    /// <param name="target">Its directory, which is missing.</param>
    /// <param name="keep">How many of this cluster stay; null for all.</param>
    /// <param name="cancellationToken">Ends it; then nothing is left of it.</param>
    public async Task<BackupManifest> TakeAsync(string target, int? keep, CancellationToken cancellationToken)
    {
        BackupShelf shelf = new(target);
        using var work = shelf.Begin();
        var begun = time.GetUtcNow();
        var (customersFrom, customers) = await CopyAsync(
            Components.Customers,
            cluster.Customers,
            work[CustomersFile],
            cancellationToken
        );
        var (productsFrom, _) = await CopyAsync(
            Components.Products,
            cluster.Products,
            work[ProductsFile],
            cancellationToken
        );
        await CopyPaymentsAsync(work[PaymentsFile], cancellationToken);
        var (undone, problems) = await Task.Run(() => Settle(work), cancellationToken);
        var products = await Task.Run(() => DatabaseCopy.DigestOf(work[ProductsFile]), cancellationToken);
        var owner =
            DatabaseCopy.ClusterOf(work[CustomersFile])
            ?? throw new CommandFailedException($"{customersFrom} gave a state that does not say whose it is");
        var manifest = new BackupManifest(
            BackupManifest.CurrentFormat,
            ProgramBuild.Current,
            begun,
            owner,
            DatabaseCopy.FormatVersion,
            PartOf(work, CustomersFile, customersFrom, customers),
            PartOf(work, ProductsFile, productsFrom, products),
            PartOf(work, PaymentsFile),
            undone,
            problems
        );
        manifest = UnchangedParts.Link(work, manifest, shelf.Newest(owner));
        work.Complete(manifest);
        if (keep is { } count)
        {
            foreach (var gone in shelf.Keep(count, owner))
            {
                say($"{gone} is removed: {count.ToString(CultureInfo.InvariantCulture)} newer ones are kept");
            }
        }

        return manifest;
    }

    private (UndoneWork Undone, IReadOnlyList<string> Problems) Settle(BackupShelf.Work work)
    {
        try
        {
            using BackupBooks books = new(work[CustomersFile], work[ProductsFile], work[PaymentsFile]);
            var undone = books.Settle();
            Tell(undone);
            var problems = books.Problems();
            foreach (var problem in problems)
            {
                say($"warning: the books do not balance: {problem}");
            }

            return (undone, problems);
        }
        catch (SqliteException e)
        {
            throw FileFault.OfSqlite(work[ProductsFile], e.SqliteErrorCode, e, "Make the back-up again");
        }
    }

    private void Tell(UndoneWork undone)
    {
        if (!undone.IsNothing)
        {
            say(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"undone, as it came after the copy of customers: {undone.Purchases} purchases, "
                        + $"{undone.Charges} charges, {undone.Votes} votes, {undone.Items} items"
                )
            );
        }
    }

    // A replica that fails is no reason to give up, as long as there is another.
    private async Task<(string From, StateDigest State)> CopyAsync(
        string component,
        DatabaseGroup group,
        string path,
        CancellationToken cancellationToken
    )
    {
        List<string> reasons = [];
        foreach (var replica in await OrderAsync(component, group, cancellationToken))
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{component}/{replica}");
            try
            {
                using var channel = Open(component, group, replica);
                var state = await DatabaseCopy.FetchAsync(
                    channel.CreateCallInvoker(),
                    replica,
                    path,
                    Progress(name),
                    time.GetUtcNow().UtcDateTime + s_copyTimeout,
                    cancellationToken
                );
                say(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{component}: {Mebibytes(new FileInfo(path).Length)} at position {state.Position}, from {name}"
                    )
                );
                return (name, state);
            }
            catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
            {
                reasons.Add($"{name}: {e.Status.DebugException?.GetBaseException().Message ?? e.Status.Detail}");
            }
        }

        throw new CommandFailedException(
            $"no replica of {component} gives its state; 'agora status' shows how they are. "
                + string.Join("; ", reasons)
        );
    }

    // Those that say they serve come first, and of them one that does not lead: the leader has enough to do.
    private async Task<IReadOnlyList<int>> OrderAsync(
        string component,
        DatabaseGroup group,
        CancellationToken cancellationToken
    )
    {
        var ranks = await Task.WhenAll(
            group.Replicas.Select(
                async (_, replica) =>
                {
                    using var channel = Open(component, group, replica);
                    try
                    {
                        var status = await new Replica.ReplicaClient(channel).GetStatusAsync(
                            new StatusRequest(),
                            deadline: time.GetUtcNow().UtcDateTime + s_statusTimeout,
                            cancellationToken: cancellationToken
                        );
                        return (
                            !status.Ready ? 2
                            : status.Role == "leader" ? 1
                            : 0,
                            -status.Applied
                        );
                    }
                    catch (RpcException) when (!cancellationToken.IsCancellationRequested)
                    {
                        return (3, 0L);
                    }
                }
            )
        );
        return [.. Enumerable.Range(0, ranks.Length).OrderBy(replica => ranks[replica])];
    }

    private GrpcChannel Open(string component, DatabaseGroup group, int replica) =>
        ReplicaChannel.Open(group.Replicas[replica], identity.ClientOptions(component, replica));

    private async Task CopyPaymentsAsync(string path, CancellationToken cancellationToken)
    {
        var group = cluster.Payments;
        var address = group.Replicas[0].Dial();
        UriBuilder source = new(
            group.UsesHttps ? Uri.UriSchemeHttps : Uri.UriSchemeHttp,
            address.Host,
            address.Port,
            PaymentsHost.CopyPath
        );
        using HttpClient http = new(
            new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectTimeout = s_connectTimeout,
                SslOptions = identity.ClientOptions(Components.Payments, 0),
            }
        )
        {
            Timeout = s_copyTimeout,
        };
        http.DefaultRequestHeaders.Authorization = merchant?.Header;
        try
        {
            using var answer = await http.GetAsync(
                source.Uri,
                HttpCompletionOption.ResponseHeadersRead,
                cancellationToken
            );
            answer.EnsureSuccessStatusCode();
            await using FileStream file = new(path, FileMode.CreateNew, FileAccess.Write);
            await answer.Content.CopyToAsync(file, cancellationToken);
            if (answer.Content.Headers.ContentLength is { } length && length != file.Length)
            {
                throw new HttpRequestException("The answer ended early.");
            }

            say($"payments: {Mebibytes(file.Length)}");
        }
        catch (Exception e)
            when (e is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw new CommandFailedException(
                $"payments at {source.Host}:{source.Port.ToString(CultureInfo.InvariantCulture)} do not give their "
                    + $"books: {e.Message.TrimEnd('.')}; 'agora status' shows how they are",
                e
            );
        }
    }

    private static DatabasePart PartOf(BackupShelf.Work work, string file, string from, StateDigest state)
    {
        var part = PartOf(work, file);
        return new DatabasePart(part.File, part.Bytes, part.Sha256, from, state.Position, state.Sha256);
    }

    private static BackupPart PartOf(BackupShelf.Work work, string file) =>
        new(file, new FileInfo(work[file]).Length, BackupCheck.Sha256Of(work[file]));

    // For people who wait: a line now and then.
    private Action<long, long> Progress(string name)
    {
        var last = Stopwatch.GetTimestamp();
        return (copied, total) =>
        {
            if (Stopwatch.GetElapsedTime(last) >= s_sayInterval)
            {
                last = Stopwatch.GetTimestamp();
                say($"{name}: {Mebibytes(copied)} of {Mebibytes(total)}");
            }
        };
    }

    private static string Mebibytes(long bytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):0.0} MiB");
}
