using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Agora.Contracts.Products;
using Agora.Evaluation;
using Google.Protobuf;
using Condition = Agora.Contracts.Products.Condition;

namespace Products.Bench;

/// <summary>
/// Kills replicas under load, again and again, and looks at everything that callers saw: each item's price must be a linearizable register, and every unit
/// of stock must be accounted for.
/// </summary>
internal sealed class Failover(ProductsGroup group, int seed, TextWriter output)
{
    private const int Items = 6;
    private const int Writers = 6;
    private const int Readers = 6;
    private const int Buyers = 2;
    private const int Stock = 100_000_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Random _random = new(seed);
    private readonly string[] _items = new string[Items];
    private readonly ConcurrentBag<Timed<Access>>[] _histories = [.. Enumerable.Range(0, Items).Select(_ => new ConcurrentBag<Timed<Access>>())];
    private readonly ConcurrentQueue<long> _answers = [];
    private readonly ConcurrentDictionary<int, string> _faults = [];
    private string _stock = "";
    private long _price;
    private long _sold;
    private long _reads;

    public static async Task<int> RunAsync(int kills, int? seed, TextWriter output, CancellationToken cancellation, bool leadersOnly = false)
    {
        var drawn = seed ?? Random.Shared.Next();
        output.WriteLine($"seed {drawn}, {Environment.ProcessorCount} cores");
        using ProductsGroup group = new();
        await group.StartAsync(cancellation);
        return await new Failover(group, drawn, output).RunAsync(kills, leadersOnly, cancellation);
    }

    private async Task<int> RunAsync(int kills, bool leadersOnly, CancellationToken cancellation)
    {
        await group.LeaderAsync(cancellation);
        for (var i = 0; i < Items; i++)
        {
            _items[i] = await RegisterAsync(0, cancellation);
        }

        _stock = await RegisterAsync(Stock, cancellation);
        using CancellationTokenSource load = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        List<Task> callers =
        [
            .. Enumerable.Range(0, Writers).Select(w => Task.Run(() => WriteAsync(w, load.Token), cancellation)),
            .. Enumerable.Range(0, Readers).Select(r => Task.Run(() => ReadAsync(r, load.Token), cancellation)),
            .. Enumerable.Range(0, Buyers).Select(b => Task.Run(() => BuyAsync(b, load.Token), cancellation)),
        ];
        await Task.Delay(3000, cancellation);
        await KillLeadersAsync(kills, cancellation);
        if (!leadersOnly)
        {
            await OthersAsync(cancellation);
        }

        await load.CancelAsync();
        await Task.WhenAll(callers);
        return await JudgeAsync(cancellation);
    }

    private async Task KillLeadersAsync(int kills, CancellationToken cancellation)
    {
        List<double> gaps = [];
        for (var i = 1; i <= kills; i++)
        {
            gaps.Add(await GapAsync([await group.LeaderAsync(cancellation)], cancellation));
            if (i % 10 == 0)
            {
                output.WriteLine($"{i} leaders killed");
            }
        }

        gaps.Sort();
        if (kills > 0)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"largest gap in writes after a leader's kill, s: least {gaps[0]:N2}, median {gaps[gaps.Count / 2]:N2}, 95th of 100 {gaps[(gaps.Count * 95 / 100) - (gaps.Count >= 20 ? 1 : 0)]:N2}, most {gaps[^1]:N2}; below 2 s {gaps.Count(g => g < 2)} of {gaps.Count}"));
        }
    }

    private async Task OthersAsync(CancellationToken cancellation)
    {
        var leader = await group.LeaderAsync(cancellation);
        Report("a follower", await GapAsync([(leader + 1) % ProductsGroup.Size], cancellation));
        Report("two followers", await GapAsync([(leader + 1) % ProductsGroup.Size, (leader + 2) % ProductsGroup.Size], cancellation));
        Report("the leader and a follower", await GapAsync([leader, (leader + 1) % ProductsGroup.Size], cancellation));
        leader = await group.LeaderAsync(cancellation);
        Report("three, the leader among them, until they are back", await GapAsync([.. Enumerable.Range(leader, 3).Select(i => i % ProductsGroup.Size)], cancellation));
        Report("all five, until they are back", await GapAsync([0, 1, 2, 3, 4], cancellation));

        // Frozen, not dead: when it goes on it still takes itself for the leader, with callers' reads waiting in it.
        leader = await group.LeaderAsync(cancellation);
        Report("the leader frozen for 5 s", await GapOfAsync(async () =>
        {
            group.Signal(leader, "-STOP");
            await Task.Delay(5000, cancellation);
            group.Signal(leader, "-CONT");
        }, cancellation));
        var lost = (await group.LeaderAsync(cancellation) + 1) % ProductsGroup.Size;
        Report("a follower whose disk is lost, until it is back", await GapOfAsync(async () =>
        {
            group.Kill(lost);
            Directory.Delete(group.DataOf(lost), recursive: true);
            group.Start(lost);
            await group.ReadyAsync(cancellation);
        }, cancellation));

        void Report(string what, double gap) => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: largest gap {gap:N2} s"));
    }

    private Task<double> GapAsync(int[] victims, CancellationToken cancellation) => GapOfAsync(async () =>
    {
        Array.ForEach(victims, group.Kill);
        await Task.Delay(2000 + _random.Next(500), cancellation);
        Array.ForEach(victims, group.Start);
        await group.ReadyAsync(cancellation);
    }, cancellation);

    // Between two writes that were answered one after the other, by whichever caller, from a moment before the fault on.
    private async Task<double> GapOfAsync(Func<Task> fault, CancellationToken cancellation)
    {
        await Task.Delay(500 + _random.Next(500), cancellation);
        var begin = Stopwatch.GetTimestamp();
        await fault();
        await Task.Delay(500, cancellation);
        var (last, gap) = (begin, 0L);
        while (_answers.TryDequeue(out var answer))
        {
            if (answer > begin)
            {
                gap = Math.Max(gap, answer - last);
                last = answer;
            }
        }

        return Stopwatch.GetElapsedTime(0, Math.Max(gap, Stopwatch.GetTimestamp() - last)).TotalSeconds;
    }

    private async Task<string> RegisterAsync(int quantity, CancellationToken cancellation) => (await group.ExecuteAsync(
        new Command { RegisterItem = new RegisterItem { SellerId = 1, Category = 1, Condition = Condition.New, PriceCents = 1, Quantity = quantity, Name = "x" } },
        Patience, cancellation))!.Item.ItemId;

    private async Task WriteAsync(int writer, CancellationToken stop)
    {
        Random random = new(seed + writer);
        while (!stop.IsCancellationRequested)
        {
            var item = random.Next(Items);
            var price = 1 + Interlocked.Increment(ref _price);
            var begun = Stopwatch.GetTimestamp();
            var reply = await group.ExecuteAsync(
                new Command { ChangePrice = new ChangePrice { ItemId = _items[item], SellerId = 1, PriceCents = price } }, Patience, CancellationToken.None);
            var ended = Stopwatch.GetTimestamp();
            _histories[item].Add(new(new(IsWrite: true, price), begun, reply is null ? long.MaxValue : ended));
            if (reply is not null)
            {
                _answers.Enqueue(ended);
            }

            await Task.Delay(random.Next(20), CancellationToken.None);
        }
    }

    private async Task ReadAsync(int reader, CancellationToken stop)
    {
        Random random = new(seed - reader - 1);
        while (!stop.IsCancellationRequested)
        {
            var item = random.Next(Items);
            var begun = Stopwatch.GetTimestamp();
            if (await group.GetAsync(random.Next(ProductsGroup.Size), _items[item], CancellationToken.None) is { Item: { } seen })
            {
                _histories[item].Add(new(new(IsWrite: false, seen.PriceCents), begun, Stopwatch.GetTimestamp()));
                Interlocked.Increment(ref _reads);
            }

            await Task.Delay(random.Next(20), CancellationToken.None);
        }
    }

    private async Task BuyAsync(int buyer, CancellationToken stop)
    {
        Random random = new(seed + 1000 + buyer);
        while (!stop.IsCancellationRequested)
        {
            var purchase = ByteString.CopyFrom(Guid.NewGuid().ToByteArray());
            var quantity = 1 + random.Next(5);
            Command reserve = new() { Reserve = new Reserve { PurchaseId = purchase, CartId = purchase, Lines = { new ReservationLine { ItemId = _stock, Quantity = quantity } } } };
            var confirms = random.Next(3) > 0;
            var end = confirms
                ? new Command { Confirm = new Confirm { PurchaseIds = { purchase } } }
                : new Command { Release = new Release { PurchaseId = purchase } };
            foreach (var command in new[] { reserve, end })
            {
                var reply = await group.ExecuteAsync(command, Patience, CancellationToken.None);
                if (reply is not { Error: Error.None, Confirmed: null or { RefusedIds.Count: 0 } })
                {
                    _faults[buyer] = $"{command.KindCase} was answered {reply?.Error.ToString() ?? "not at all"}";
                    return;
                }
            }

            Interlocked.Add(ref _sold, confirms ? quantity : 0);
            await Task.Delay(random.Next(20), CancellationToken.None);
        }
    }

    private async Task<int> JudgeAsync(CancellationToken cancellation)
    {
        await group.ReadyAsync(cancellation);
        var good = _faults.IsEmpty;
        foreach (var fault in _faults.Values)
        {
            output.WriteLine(fault);
        }

        for (var i = 0; i < Items; i++)
        {
            if (!Register.Explains(_histories[i], initial: 1))
            {
                output.WriteLine($"the history of item {_items[i]} is not linearizable");
                good = false;
            }
        }

        ItemReply? stock;
        while ((stock = await group.GetAsync(0, _stock, cancellation)) is null)
        {
            await Task.Delay(20, cancellation);
        }

        var left = stock.Item.Quantity;
        good &= left == Stock - _sold;
        output.WriteLine($"{_price:N0} writes and {_reads:N0} reads of {Items} items, {_sold:N0} units sold, {Stock - left:N0} units gone");
        var digests = new HashSet<string?>();
        for (var tries = 0; tries < 50 && digests.Count != 1; tries++)
        {
            await Task.Delay(200, cancellation);
            digests = [.. await Task.WhenAll(Enumerable.Range(0, ProductsGroup.Size).Select(i => group.DigestAsync(i, cancellation)))];
        }

        good &= digests.Count == 1;
        output.WriteLine(good ? "linearizable, stock conserved, all replicas equal" : $"NOT as it should be; {digests.Count} different states");
        return good ? 0 : 1;
    }
}
