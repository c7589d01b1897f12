using System.Globalization;

namespace Agora.Gate;

/// <summary>
/// What the two replication engines reach beside the systems that people know best, measured in the same run: these
/// ratios depend less on the machine than any time does.
/// </summary>
internal static class PeerFigures
{
    private const string Ours = "ours, in memory";
    private const string Corosync = "corosync knet sha256";

    public static async Task<List<Figure>> MeasureBroadcastAsync()
    {
        var rows = await Commands.TableAsync(
            "RotatingSequencer.Bench",
            ["--only", "memory", "knet", "--loss", "0", "--seconds", "1"]
        );
        double PerSecond(string system, string load) => Number(rows.Single(r => r[0] == system && r[2] == load)[3]);
        if (rows.All(r => r[0] != Corosync))
        {
            Console.WriteLine("Not measured: the broadcast beside corosync, which is not installed or needs root.");
            return [];
        }

        return
        [
            Ratio("one request at a time", "1 × 1", promised: 2.5, bound: 0.4),
            Ratio("five senders at full speed", "5 × 256", promised: 8.5, bound: 2),
        ];

        Figure Ratio(string name, string load, double promised, double bound) =>
            new(
                $"the broadcast, {name}, in times of corosync with authentication",
                "×",
                promised,
                bound,
                PerSecond(Ours, load) / PerSecond(Corosync, load),
                AtLeast: true
            );
    }

    public static async Task<List<Figure>> MeasureProductsAsync()
    {
        if (!File.Exists("/usr/bin/etcd"))
        {
            Console.WriteLine("Not measured: the products database beside etcd, which is not installed.");
            return [];
        }

        var rows = await Commands.TableAsync(
            "Products.Bench",
            ["compare", "--rounds", "3", "--seconds", "1", "--warm-up", "0.5", "--figures", "w10,r10"]
        );
        return
        [
            Ratio("writes of 10 callers", "products, write, 10 callers", promised: 1.5),
            Ratio("linearizable reads of 10 callers", "products, read, 10 callers", promised: 1.6),
        ];

        Figure Ratio(string name, string row, double promised) =>
            new(
                $"products, {name}, in times of etcd",
                "×",
                promised,
                0.6,
                Number(rows.Single(r => r[0] == row)[2]),
                AtLeast: true
            );
    }

    private static double Number(string cell) => double.Parse(cell, CultureInfo.InvariantCulture);
}
