using System.CommandLine;
using RotatingSequencer.Bench;

// Each member is a process, as in real use. This process starts them, sends them commands, and adds up their reports.

var members = new Option<int>("--members") { Description = "Size of the group.", DefaultValueFactory = _ => 5 };
var payload = new Option<int>("--payload") { Description = "Bytes of a request.", DefaultValueFactory = _ => 300 };
var outstanding = new Option<int>("--outstanding")
{
    Description = "Requests that each sender keeps under way at full speed.",
    DefaultValueFactory = _ => 256,
};
var seconds = new Option<double>("--seconds")
{
    Description = "Length of each measurement.",
    DefaultValueFactory = _ => 3,
};
var loss = new Option<double[]>("--loss")
{
    Description = "Shares of the datagrams to lose, in per cent; each is measured separately. Needs root.",
    DefaultValueFactory = _ => Hosts.WhyNoNamespaces is null ? [0, 1, 5] : [0],
    AllowMultipleArgumentsPerToken = true,
};
var only = new Option<string[]>("--only")
{
    Description = "Only these systems: memory, journal, udp, udpu, knet (the last three are corosync's transports).",
    AllowMultipleArgumentsPerToken = true,
};
only.AcceptOnlyFromAmong("memory", "journal", "udp", "udpu", "knet");
var loopback = new Option<bool>("--loopback")
{
    Description = "Run all members on the loopback interface, even if network namespaces can be used.",
};
var root = new RootCommand(
    "Measures the rotating-sequencer atomic broadcast, beside corosync if that is installed: one request at a time, "
        + "one member at full speed, and all members at full speed."
)
{
    members,
    payload,
    outstanding,
    seconds,
    loss,
    only,
    loopback,
};
root.SetAction(
    (parsed, cancellationToken) =>
        new SystemComparison(
            parsed.GetValue(members),
            parsed.GetValue(payload),
            parsed.GetValue(outstanding),
            TimeSpan.FromSeconds(parsed.GetValue(seconds)),
            [.. parsed.GetValue(loss)!.Select(percent => percent / 100)],
            parsed.GetValue(only)!,
            parsed.GetValue(loopback)
        ).RunAsync(cancellationToken)
);

return args is ["member", ..] ? await BenchMember.RunAsync(args[1..]) : await root.Parse(args).InvokeAsync();
