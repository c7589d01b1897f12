using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Agora.Lab;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>
/// <c>agora lab</c>: adds faults to the network of a marketplace that is up with <c>--lab</c>, and removes them.
/// </summary>
internal static class LabCommand
{
    private const string WhoHelp =
        "products/3, products/leader, a whole component such as products, or clients; several are separated by commas";

    public static Command Create() =>
        new Command(
            "lab",
            "Add faults to the network between the processes, and remove them; for a marketplace that is up with --lab"
        )
        {
            CreateSet(),
            CreateCut(),
            CreateHeal(),
            CreateStatus(),
        }.WithExamples(
            "agora up --lab --detach",
            "agora lab set --loss 5% --delay 10ms",
            "agora lab cut products/leader",
            "agora lab status",
            "agora lab heal --all"
        );

    private static Command CreateSet()
    {
        var loss = Share("--loss", "Datagrams lost; in streams, segments that have to be sent again");
        var delay = Time("--delay", "Delay of everything, one way");
        var jitter = Time("--jitter", "The most that is added to the delay, at random");
        var duplicate = Share("--duplicate", "Datagrams that arrive twice");
        var reorder = Share("--reorder", "Datagrams that are held back, so that later ones overtake them");
        var holdBack = Time("--hold-back", "The longest time for which they are held back; 5ms by default");
        var reset = Share("--reset", "Chunks of streams at which the connection is reset");
        var stall = Share("--stall", "Chunks of streams at which it stalls");
        var stallLength = Time("--stall-length", "The time for which it stalls; 500ms by default");
        var on = Who("--on");
        on.Description = $"Only the links from and to these: {WhoHelp}";
        var data = SharedOptions.Data();
        Command command = new("set", "Change the conditions of links; what is not named stays as it is")
        {
            loss,
            delay,
            jitter,
            duplicate,
            reorder,
            holdBack,
            reset,
            stall,
            stallLength,
            on,
            data,
        };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                LabChange change = new(
                    parse.GetValue(loss),
                    parse.GetValue(delay),
                    parse.GetValue(jitter),
                    parse.GetValue(duplicate),
                    parse.GetValue(reorder),
                    parse.GetValue(holdBack),
                    parse.GetValue(reset),
                    parse.GetValue(stall),
                    parse.GetValue(stallLength),
                    Some(parse.GetValue(on))
                );
                return
                    change with
                    {
                        On = null,
                    } == new LabChange(null, null, null, null, null, null, null, null, null, null)
                    ? throw new CommandFailedException(
                        "say what to change, e.g. 'agora lab set --loss 5% --delay 10ms'; "
                            + "'agora lab set --help' shows everything"
                    )
                    : await AskAsync(parse.GetValue(data)!, control => control.SetLabAsync(change, cancellationToken));
            }
        );
        return command.WithExamples(
            "agora lab set --loss 5% --delay 10ms --jitter 2ms",
            "agora lab set --duplicate 2% --reorder 5%",
            "agora lab set --loss 30% --on customers/2        a bad cable at one replica",
            "agora lab set --stall 1% --reset 0.1%",
            "agora lab set --loss 0% --delay 0ms              good again"
        );
    }

    private static Command CreateCut()
    {
        Argument<string[]> who = new("WHO")
        {
            Description = WhoHelp,
            Arity = ArgumentArity.OneOrMore,
            CustomParser = Names,
        };
        var from = Who("--from");
        from.Description = "Cut them off only from these, instead of from all others";
        Option<bool> oneWay = new("--one-way")
        {
            Description = "Only what they send is lost; they still hear the others",
        };
        var data = SharedOptions.Data();
        Command command = new(
            "cut",
            "Let nothing pass between some parties and all others; they still reach each other"
        )
        {
            who,
            from,
            oneWay,
            data,
        };
        command.SetAction(
            (parse, cancellationToken) =>
                AskAsync(
                    parse.GetValue(data)!,
                    control =>
                        control.CutLabAsync(
                            new LabCut(
                                parse.GetValue(who),
                                Some(parse.GetValue(from)),
                                parse.GetValue(oneWay),
                                All: false
                            ),
                            cancellationToken
                        )
                )
        );
        return command.WithExamples(
            "agora lab cut products/leader",
            "agora lab cut customers/0,customers/1                      halves of a group",
            "agora lab cut buyer-server/0 --from customers              one server from one database",
            "agora lab cut products/1 --from products/2 --one-way       one link, in one direction"
        );
    }

    private static Command CreateHeal()
    {
        Argument<string[]> who = new("WHO")
        {
            Description = $"Only the links of these: {WhoHelp}",
            Arity = ArgumentArity.ZeroOrMore,
            CustomParser = Names,
        };
        Option<bool> all = new("--all") { Description = "Also remove loss, delay and all other faults" };
        var data = SharedOptions.Data();
        Command command = new("heal", "Let everything pass again over links that were cut") { who, all, data };
        command.SetAction(
            (parse, cancellationToken) =>
                AskAsync(
                    parse.GetValue(data)!,
                    control =>
                        control.HealLabAsync(
                            new LabCut(Some(parse.GetValue(who)), null, OneWay: false, parse.GetValue(all)),
                            cancellationToken
                        )
                )
        );
        return command.WithExamples("agora lab heal", "agora lab heal customers/0", "agora lab heal --all");
    }

    private static Command CreateStatus()
    {
        Option<bool> json = new("--json") { Description = "As JSON" };
        var data = SharedOptions.Data();
        Command command = new("status", "Show the network's faults at the moment") { json, data };
        command.SetAction(
            async (parse, cancellationToken) =>
            {
                DataDirectory directory = new(parse.GetValue(data)!);
                using ControlClient control = new(directory);
                var status =
                    await control.LabStatusAsync(cancellationToken)
                    ?? throw new CommandFailedException(
                        directory.Holder() is null
                            ? $"nothing is up on {directory.Root}; 'agora up --lab' starts it"
                            : $"the marketplace on {directory.Root} is not in the lab; start it with 'agora up --lab'"
                    );
                Console.WriteLine(
                    parse.GetValue(json)
                        ? JsonSerializer.Serialize(status, LabJson.Default.LabStatus)
                        : string.Join('\n', Describe(status))
                );
                return 0;
            }
        );
        return command.WithExamples("agora lab status", "agora lab status --json");
    }

    private static async Task<int> AskAsync(string data, Func<ControlClient, Task<ControlAnswer?>> ask)
    {
        DataDirectory directory = new(data);
        using ControlClient control = new(directory);
        var answer =
            await ask(control)
            ?? throw new CommandFailedException($"nothing is up on {directory.Root}; 'agora up --lab' starts it");
        Console.WriteLine(answer.Done ? $"agora: {answer.Message}" : throw new CommandFailedException(answer.Message));
        return 0;
    }

    /// <summary>
    /// Describes the network's faults, line by line: first parties that are cut off from all others, then single links.
    /// </summary>
    internal static IEnumerable<string> Describe(LabStatus status)
    {
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"the network is {(status.Good ? "good" : "bad")} ({status.Mode}, seed {status.Seed})"
        );
        yield return $"  every link: {status.Conditions}";
        foreach (var same in status.Links.Where(l => l.Conditions != status.Conditions).GroupBy(l => l.Conditions))
        {
            yield return $"  but {Links([.. same], status.Parties, "only ")}: {same.Key}";
        }

        LabLink[] cut = [.. status.Links.Where(l => l.Cut)];
        if (cut.Length > 0)
        {
            yield return $"  cut: {Links(cut, status.Parties, "all links of ")}";
        }

        var totals = status.Totals;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"  so far: {totals.Passed:N0} passed, {totals.Lost:N0} lost, {totals.Doubled:N0} doubled, "
                + $"{totals.HeldBack:N0} held back, {totals.CutOff:N0} cut off, {totals.Overflowed:N0} overflowed, "
                + $"{totals.Resets:N0} reset, {totals.Stalls:N0} stalled"
        );
        yield return $"  clients: --cluster {status.ClientsFile}";
    }

    // A party that many of the links share says more than a list of these links.
    private static string Links(IReadOnlyList<LabLink> links, IReadOnlyList<string> parties, string allOf)
    {
        HashSet<(string, string)> left = [.. links.Select(l => (l.From, l.To))];
        List<string> parts = [];
        foreach (var party in parties.OrderByDescending(p => left.Count(l => l.Item1 == p || l.Item2 == p)))
        {
            (string, string)[] own = [.. left.Where(l => l.Item1 == party || l.Item2 == party)];
            if (own.Length > 2)
            {
                left.ExceptWith(own);
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"{party} ({own.Length} links)"));
            }
        }

        foreach ((var from, var to) in left.Order())
        {
            if (left.Contains((to, from)))
            {
                if (string.CompareOrdinal(from, to) < 0)
                {
                    parts.Add($"{from} ↔ {to}");
                }
            }
            else
            {
                parts.Add($"{from} → {to}");
            }
        }

        return string.Join(", ", parts);
    }

    private static Option<string[]?> Who(string name) =>
        new(name)
        {
            HelpName = "WHO",
            AllowMultipleArgumentsPerToken = true,
            CustomParser = Names,
        };

    private static string[]? Some(string[]? names) => names is { Length: > 0 } ? names : null;

    private static string[] Names(ArgumentResult result) =>
        [
            .. result.Tokens.SelectMany(t =>
                t.Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            ),
        ];

    private static Option<double?> Share(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "N%",
            CustomParser = result =>
            {
                var word = result.Tokens[0].Value;
                if (
                    word.EndsWith('%')
                    && double.TryParse(
                        word[..^1],
                        NumberStyles.AllowDecimalPoint,
                        CultureInfo.InvariantCulture,
                        out var percent
                    )
                    && percent <= 100
                )
                {
                    return percent / 100;
                }

                result.AddError(
                    $"'{word}' is no share of 0% to 100%; write a number with a percent sign, e.g. {name} 5%"
                );
                return null;
            },
        };

    private static Option<TimeSpan?> Time(string name, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "Nms",
            CustomParser = result =>
            {
                var word = result.Tokens[0].Value;
                foreach (
                    (var unit, var milliseconds) in (ReadOnlySpan<(string, double)>)
                        [("ms", 1), ("us", 0.001), ("s", 1_000)]
                )
                {
                    if (
                        word.EndsWith(unit, StringComparison.Ordinal)
                        && double.TryParse(
                            word[..^unit.Length],
                            NumberStyles.AllowDecimalPoint,
                            CultureInfo.InvariantCulture,
                            out var number
                        )
                        && number * milliseconds <= LinkConditions.MaxDelay.TotalMilliseconds
                    )
                    {
                        return TimeSpan.FromMilliseconds(number * milliseconds);
                    }
                }

                result.AddError(
                    $"'{word}' is no time up to {LinkConditions.MaxDelay.TotalSeconds:0} s; "
                        + $"write a number with its unit (us, ms or s), e.g. {name} 10ms"
                );
                return null;
            },
        };
}
