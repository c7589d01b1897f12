using System.Buffers.Binary;
using System.Globalization;
using System.Net;

namespace RotatingSequencer.Processes;

/// <summary>
/// The process of one member. Commands come as lines on its standard input: <c>load N</c> (keep N submissions under
/// way), <c>settle</c> (submit no more, and print <c>settled</c> once all are acknowledged), <c>where</c> (print the
/// applied number). The end of the input ends the process in order. Every acknowledgement is a line on its standard
/// output, which survives the process.
/// </summary>
internal sealed class MemberHost(Member member, int id, int life)
{
    private volatile bool _loading;
    private Task _load = Task.CompletedTask;

    /// <summary>
    /// Arguments: id, life, members' addresses (where this one listens, and where it reaches the others), directory,
    /// <c>journal</c> or <c>memory</c>.
    /// </summary>
    public static async Task<int> RunAsync(string[] args)
    {
        var id = int.Parse(args[0], CultureInfo.InvariantCulture);
        using var history = new HistoryFile(Path.Combine(args[3], "history"));
        await using var member = await Member.StartAsync(
            new MemberOptions
            {
                Id = id,
                Members = [.. args[2].Split(',').Select(IPEndPoint.Parse)],
                GroupKey = "a key that only these tests know"u8.ToArray(),
                JournalDirectory = args[4] == "journal" ? Path.Combine(args[3], "journal") : null,
                // Small, so that it is replaced many times within a run.
                MaxJournalGrowth = 1 << 19,
            },
            history,
            CancellationToken.None
        );
        var host = new MemberHost(member, id, int.Parse(args[1], CultureInfo.InvariantCulture));
        Console.WriteLine("ready");
        var commands = host.RunCommandsAsync();
        await (await Task.WhenAny(commands, member.Completion));
        return 0;
    }

    private async Task RunCommandsAsync()
    {
        while (await Console.In.ReadLineAsync() is { } line)
        {
            switch (line.Split(' '))
            {
                case ["load", var outstanding]:
                    _loading = true;
                    _load = LoadAsync(int.Parse(outstanding, CultureInfo.InvariantCulture));
                    break;
                case ["settle"]:
                    _loading = false;
                    await _load;
                    Console.WriteLine("settled");
                    break;
                case ["where"]:
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"at {member.Status.Applied}"));
                    break;
            }
        }
    }

    private async Task LoadAsync(int outstanding)
    {
        // One task submits, so that the order is known; many wait.
        using var slots = new SemaphoreSlim(outstanding);
        for (var counter = 0; _loading; counter++)
        {
            await slots.WaitAsync();
            var payload = new PayloadId(id, life, counter);
            _ = AcknowledgeAsync(payload.Counter, member.BroadcastAsync(payload.Bytes()), slots);
        }

        for (var i = 0; i < outstanding; i++)
        {
            await slots.WaitAsync();
        }
    }

    private static async Task AcknowledgeAsync(int counter, Task<ReadOnlyMemory<byte>> broadcast, SemaphoreSlim slots)
    {
        try
        {
            var number = BinaryPrimitives.ReadInt64LittleEndian((await broadcast).Span);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ack {counter} {number}"));
            slots.Release();
        }
        catch (MemberStoppedException)
        {
            // The member's failure ends the process.
        }
    }
}
