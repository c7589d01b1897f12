using System.Net;
using System.Text;
using RotatingSequencer;

// A chat of three: start it in three terminals with 0, 1 and 2. All see the same lines in the same order, also after a
// restart.
if (args is not [var argument] || !int.TryParse(argument, out var id) || id is < 0 or > 2)
{
    Console.Error.WriteLine("Usage: dotnet run --project samples/RotatingSequencer.Chat -- 0|1|2");
    return 1;
}

await using var member = await Member.StartAsync(
    new MemberOptions
    {
        Id = id,
        Members = [.. Enumerable.Range(7_800, 3).Select(port => new IPEndPoint(IPAddress.Loopback, port))],
        GroupKey = "not a secret: this is a sample"u8.ToArray(),
        JournalDirectory = Path.Combine(Path.GetTempPath(), "rotating-sequencer-chat", $"{id}"),
    },
    new Transcript(),
    CancellationToken.None
);
Console.WriteLine(
    $"Member {id} of 3. Your lines reach everyone as soon as all three run; an empty line, or Ctrl-D, leaves."
);
while (await Console.In.ReadLineAsync() is { Length: > 0 } line)
{
    // Not awaited: while a member is down the line waits for it, and the next line can still be typed.
    _ = SendAsync(line);
}

return 0;

async Task SendAsync(string line)
{
    try
    {
        var place = await member.BroadcastAsync(Encoding.UTF8.GetBytes(line));
        Console.WriteLine($"(that was line {Encoding.UTF8.GetString(place.Span)})");
    }
    catch (Exception e) when (e is MemberStoppedException or OverloadedException)
    {
        Console.WriteLine($"(no place yet for \"{line}\": {e.Message})");
    }
}

/// <summary>
/// The replicated state: how many lines there were. It is in memory only, so each start builds it anew from the
/// journal.
/// </summary>
internal sealed class Transcript : IDeliveryHandler
{
    private int _lines;

    public long Applied => -1;

    public void Deliver(ReadOnlySpan<Delivery> deliveries, Span<ReadOnlyMemory<byte>> results)
    {
        for (var i = 0; i < deliveries.Length; i++)
        {
            Console.WriteLine(
                $"{++_lines}. {deliveries[i].Sender}: {Encoding.UTF8.GetString(deliveries[i].Payload.Span)}"
            );
            results[i] = Encoding.UTF8.GetBytes($"{_lines}");
        }
    }

    /// <summary>Nothing outlives the process, so the journal must not be replaced.</summary>
    public bool TryFlush() => false;
}
