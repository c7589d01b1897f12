using System.Diagnostics;
using System.Text.Json;
using Agora.Cluster;
using Agora.Testing;

namespace Agora.Gate;

/// <summary>
/// The figures of a whole marketplace that has just started: on free ports, in a temporary directory, with the default
/// numbers of replicas.
/// </summary>
internal static class MarketplaceFigures
{
    public static async Task<List<Figure>> MeasureAsync()
    {
        // Builds it now, which is no part of the start.
        await Commands.AgoraAsync("--version");
        var directory = Directory.CreateTempSubdirectory("agora-gate-").FullName;
        var data = Path.Combine(directory, "data");
        var cluster = Path.Combine(directory, "cluster.json");
        await File.WriteAllTextAsync(cluster, ClusterFile.Default.OnFreePorts().ToJson());
        try
        {
            var begun = Stopwatch.GetTimestamp();
            await Commands.AgoraAsync("up", "--detach", "--cluster", cluster, "--data", data);
            var start = Stopwatch.GetElapsedTime(begun);
            var processes = await ProcessesAsync(data);
            var memory = processes.Sum(p => p.GetProperty("memoryBytes").GetInt64());
            var output = Path.Combine(Commands.Root, "artifacts", "gate");
            await Commands.AgoraAsync([
                "evaluate",
                .. new[] { "--data", data, "--quick", "--scale", "10", "--conditions", "1,4" },
                .. new[] { "--calls", "150", "--out", output },
            ]);
            return
            [
                new("start of all processes", "s", 15, 90, start.TotalSeconds),
                new("memory of all processes when ready", "GiB", 2.5, 3.5, memory / (double)(1L << 30)),
                .. Evaluated(Path.Combine(output, "report.json")),
            ];
        }
        finally
        {
            await Commands.AgoraAsync("down", "--data", data);
            Directory.Delete(directory, recursive: true);
        }
    }

    private static IEnumerable<Figure> Evaluated(string path)
    {
        using var report = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement[] conditions =
        [
            .. report.RootElement.GetProperty("scales")[0].GetProperty("conditions").EnumerateArray(),
        ];
        JsonElement[] runs = [.. conditions.SelectMany(c => c.GetProperty("runs").EnumerateArray())];
        var functions = conditions[0].GetProperty("functions").EnumerateArray().ToArray();
        double Mean(string name) =>
            functions
                .First(f => f.GetProperty("function").GetString() == name)
                .GetProperty("all")
                .GetProperty("mean")
                .GetDouble();
        return
        [
            new("failed calls, a leader's death included", "", 0, 0, runs.Sum(r => r.GetProperty("failed").GetInt32())),
            new(
                "pause when the products leader dies",
                "s",
                2,
                6,
                runs.Where(r => r.TryGetProperty("kill", out _))
                    .Max(r => r.GetProperty("kill").GetProperty("pause").GetDouble() / 1000)
            ),
            new("MakePurchase, in times of AddItemToCart", "×", 2.5, 6, Mean("MakePurchase") / Mean("AddItemToCart")),
        ];
    }

    private static async Task<JsonElement[]> ProcessesAsync(string data)
    {
        using var status = JsonDocument.Parse(await Commands.AgoraAsync("status", "--json", "--data", data));
        return [.. status.RootElement.Clone().GetProperty("processes").EnumerateArray()];
    }
}
