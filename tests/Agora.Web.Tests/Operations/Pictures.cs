using System.Globalization;
using Agora.Cluster;
using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>Pictures of a marketplace that exists only in tests.</summary>
internal static class Pictures
{
    /// <summary>
    /// Twenty processes, all well: products/1 leads in term 7, and customers/4 assigns the next number.
    /// </summary>
    public static Picture Well(DateTime now)
    {
        var processes = ClusterFile.Default.Processes().Select(p => Process(p.Component, p.Replica, now)).ToArray();
        return new Picture(now, new ClusterStatus(Ready: false, processes))
        {
            Check = new ServedCheck(now.AddSeconds(-4), true, []),
            NumbersPerSecond = new Dictionary<string, double>
            {
                [Components.Customers] = 212.4,
                [Components.Products] = 48,
            },
            Samples = Samples(now),
            Events =
            [
                new(1, now.AddSeconds(-61), EventKinds.Act, "20 processes are started"),
                new(2, now.AddSeconds(-52), EventKinds.Leader, "products: products/1 leads, term 7"),
            ],
        };
    }

    /// <summary>A process that answers.</summary>
    public static ProcessStatus Process(string component, int replica, DateTime now)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{component}/{replica}");
        var isRaft = component == Components.Products;
        var isDatabase = isRaft || component == Components.Customers;
        return new ProcessStatus(
            name,
            component,
            replica,
            4000 + (component.Length * 10) + replica,
            ProcessState.Running,
            0,
            !isDatabase ? null
                : isRaft ? (replica == 1 ? "leader" : "follower")
                : replica == 4 ? "sequencer"
                : "member",
            isDatabase ? 120_328 : null,
            isDatabase ? 0 : null,
            96 << 20,
            new Dictionary<string, string>
            {
                [!isDatabase ? "http" : "grpc"] = "127.0.0.1:1",
                [isRaft ? "raft" : "udp"] = "127.0.0.1:2",
            },
            null,
            now.AddMinutes(-5),
            now,
            isDatabase ? Database(replica, isRaft) : null
        );
    }

    /// <summary>The same picture with some processes changed.</summary>
    public static Picture With(this Picture picture, string process, Func<ProcessStatus, ProcessStatus> change) =>
        picture with
        {
            Status = picture.Status with
            {
                Processes = [.. picture.Status.Processes.Select(p => p.Name == process ? change(p) : p)],
            },
        };

    /// <summary>The process was killed by command a while ago.</summary>
    public static ProcessStatus Killed(this ProcessStatus process, DateTime at) =>
        process with
        {
            Pid = null,
            State = ProcessState.Killed,
            Role = null,
            Applied = null,
            Lag = null,
            MemoryBytes = null,
            StartedAt = null,
            AnsweredAt = null,
            Database = null,
            LastExit = new ProcessExit(at, null, 9, null),
        };

    /// <summary>The process leads, or follows, in a term.</summary>
    public static ProcessStatus InTerm(this ProcessStatus process, string role, long term) =>
        process with
        {
            Role = role,
            Database = process.Database! with { Term = term },
        };

    private static DatabaseStatus Database(int replica, bool isRaft) =>
        new(
            isRaft ? DatabaseStatus.Raft : "rotating-sequencer",
            true,
            isRaft ? 1 : null,
            isRaft ? 7 : null,
            120_328,
            120_328,
            isRaft ? 0 : 3,
            isRaft ? 0 : 2,
            0,
            [
                .. Enumerable
                    .Range(0, 5)
                    .Where(other => other != replica)
                    .Select(other => new PeerLink(
                        other,
                        !isRaft || replica == 1 || other == 1 ? true : null,
                        isRaft ? null : 180,
                        isRaft && replica > 2 ? null : 310 + (40 * other),
                        isRaft ? null : 1000,
                        isRaft ? null : 1000
                    )),
            ]
        );

    private static List<FunctionSample> Samples(DateTime now)
    {
        double[] bounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
        FunctionAnswers Of(int count, int bucket) =>
            new(
                count,
                0,
                bounds,
                [.. Enumerable.Range(0, bounds.Length + 1).Select(i => i == bucket ? (long)count : 0)]
            );
        return
        [
            .. Enumerable
                .Range(0, 40)
                .Select(i => new FunctionSample(
                    now.AddSeconds(2 * (i - 39)),
                    TimeSpan.FromSeconds(2),
                    new Dictionary<(string Process, string Function), FunctionAnswers>
                    {
                        [("buyer-server/0", "SearchItemsForSale")] = Of(20 + (i % 7 * 6), 2),
                        [("buyer-server/1", "SearchItemsForSale")] = Of(14, 1),
                        [("buyer-server/0", "MakePurchase")] = Of(3 + (i % 3), i == 25 ? 9 : 3),
                        [("seller-server/0", "ChangeItemPrice")] = Of(5, 2),
                    }
                )),
        ];
    }
}
