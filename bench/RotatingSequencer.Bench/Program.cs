using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RotatingSequencer.Bench;

// Each member is a process of its own, as in real use; this one starts them, tells them what to do, and adds up what they saw.

var members = new Option<int>("--members") { Description = "Size of the group.", DefaultValueFactory = _ => 5 };
var payload = new Option<int>("--payload") { Description = "Bytes of a request.", DefaultValueFactory = _ => 300 };
var outstanding = new Option<int>("--outstanding") { Description = "Requests that each sender keeps under way at full speed.", DefaultValueFactory = _ => 256 };
var seconds = new Option<double>("--seconds") { Description = "Length of each measurement.", DefaultValueFactory = _ => 5 };
var journal = new Option<bool>("--journal") { Description = "Only with a journal; otherwise both without and with one." };
var root = new RootCommand("Measures the rotating-sequencer atomic broadcast: one request at a time, and all members at full speed.")
{
    members, payload, outstanding, seconds, journal,
};
root.SetAction((parsed, cancellation) => MeasureAsync(
    parsed.GetValue(members), parsed.GetValue(payload), parsed.GetValue(outstanding), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(journal), cancellation));

return args is ["member", ..] ? await BenchMember.RunAsync(args[1..]) : await root.Parse(args).InvokeAsync();

static async Task<int> MeasureAsync(int members, int payload, int outstanding, TimeSpan length, bool onlyJournal, CancellationToken cancellation)
{
    Console.WriteLine($"{members} members, {payload} B a request, {Environment.ProcessorCount} cores, {length.TotalSeconds} s a measurement");
    Console.WriteLine();
    Console.WriteLine("| journal | senders | requests/s | p50 µs | p99 µs | worst µs | CPU µs/request, all members | datagrams/request | bytes/request | syncs/request |");
    Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
    foreach (var withJournal in onlyJournal ? [true] : new[] { false, true })
    {
        var directory = Directory.CreateTempSubdirectory("rotating-sequencer-bench-").FullName;
        var processes = new List<BenchProcess>();
        try
        {
            var ports = FreePorts(members);
            for (var id = 0; id < members; id++)
            {
                processes.Add(BenchProcess.Start(id, ports, withJournal ? Path.Combine(directory, $"{id}") : "-"));
            }

            foreach (var senders in new[] { 1, members })
            {
                var depth = senders == 1 ? 1 : outstanding;
                // The first run warms up just-in-time compilation and sockets.
                await RunAsync(processes, senders, depth, payload, length / 2, cancellation);
                var result = await RunAsync(processes, senders, depth, payload, length, cancellation);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {(withJournal ? "on" : "off")} | {senders} | {result.PerSecond:N0} | {result.P50:N0} | {result.P99:N0} | {result.Worst:N0} | {result.Cpu:N0} | {result.Datagrams:N1} | {result.Bytes:N0} | {result.Syncs:N2} |"));
            }
        }
        finally
        {
            processes.ForEach(p => p.Dispose());
            Directory.Delete(directory, recursive: true);
        }
    }

    return 0;
}

static async Task<BenchResult> RunAsync(List<BenchProcess> processes, int senders, int depth, int payload, TimeSpan length, CancellationToken cancellation)
{
    var runs = processes.Select((p, id) => p.RunAsync(id < senders ? depth : 0, payload, length, cancellation)).ToList();
    return BenchResult.Sum(await Task.WhenAll(runs), length);
}

static int[] FreePorts(int count)
{
    var sockets = Enumerable.Range(0, count).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)).ToList();
    sockets.ForEach(s => s.Bind(new IPEndPoint(IPAddress.Loopback, 0)));
    int[] ports = [.. sockets.Select(s => ((IPEndPoint)s.LocalEndPoint!).Port)];
    sockets.ForEach(s => s.Dispose());
    return ports;
}
