using System.Globalization;
using System.Text.Json.Serialization;
using Agora.Lab;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Agora.Launcher;

/// <summary>Changes what links do (<see cref="LinkConditions"/>), where <c>On</c> is given only the links of those parties; what is null stays as it is.</summary>
internal sealed record LabChange(
    double? Loss, TimeSpan? Delay, TimeSpan? Jitter, double? Duplication, double? Reordering, TimeSpan? HoldBack,
    double? Resets, double? Stalls, TimeSpan? StallLength, string[]? On)
{
    public LinkConditions Of(LinkConditions now) => now with
    {
        Loss = Loss ?? now.Loss,
        Delay = Delay ?? now.Delay,
        Jitter = Jitter ?? now.Jitter,
        Duplication = Duplication ?? now.Duplication,
        Reordering = Reordering ?? now.Reordering,
        HoldBack = HoldBack ?? now.HoldBack,
        Resets = Resets ?? now.Resets,
        Stalls = Stalls ?? now.Stalls,
        StallLength = StallLength ?? now.StallLength,
    };
}

/// <summary>Cuts links, or mends them.</summary>
/// <param name="Who">These parties; for mending, null means everybody.</param>
/// <param name="From">Only from these; null for from all who are not among <paramref name="Who"/>.</param>
/// <param name="OneWay">Only what they send.</param>
/// <param name="All">Mending takes away loss, delay and the rest as well.</param>
internal sealed record LabCut(string[]? Who, string[]? From, bool OneWay, bool All);

/// <summary>What is bad about the network at the moment.</summary>
/// <param name="Good">Nothing is.</param>
/// <param name="Mode"><c>relays</c> or <c>namespaces</c>.</param>
/// <param name="Seed">Decides what is left to chance.</param>
/// <param name="Conditions">What every link does that is not among <paramref name="Links"/>, in words.</param>
/// <param name="Links">The links that are cut, or do something else.</param>
/// <param name="Totals">What has happened on all links so far.</param>
/// <param name="Parties">Between whom the links are.</param>
/// <param name="ClientsFile">The cluster file for clients.</param>
internal sealed record LabStatus(
    bool Good, string Mode, ulong Seed, string Conditions, IReadOnlyList<LabLink> Links, LinkCounts Totals, IReadOnlyList<string> Parties, string ClientsFile);

/// <summary>A link that is not as the others are.</summary>
/// <param name="From">Who sends.</param>
/// <param name="To">Who receives.</param>
/// <param name="Cut">Nothing passes.</param>
/// <param name="Conditions">What else it does, in words.</param>
internal sealed record LabLink(string From, string To, bool Cut, string Conditions);

/// <summary>The JSON of the lab's part of the control channel.</summary>
[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(LabChange))]
[JsonSerializable(typeof(LabCut))]
[JsonSerializable(typeof(LabStatus))]
internal sealed partial class LabJson : JsonSerializerContext;

/// <summary>Carries out what is asked of the lab.</summary>
internal sealed class LabControl(LabNetwork lab, Func<string, string, CancellationToken, Task<string?>> findProcess)
{
    /// <summary>Adds the lab's commands to a control channel; without a lab they say how to get one.</summary>
    public static void Map(IEndpointRouteBuilder routes, LabControl? control)
    {
        routes.MapGet("/lab", async (HttpContext http) =>
        {
            if (control is null)
            {
                http.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }
            await http.Response.WriteAsJsonAsync(control.Status(), LabJson.Default.LabStatus, cancellationToken: http.RequestAborted);
        });
        routes.MapPost("/lab/set", (HttpContext http) => AnswerAsync(http, async cancellationToken =>
            await control!.SetAsync((await http.Request.ReadFromJsonAsync(LabJson.Default.LabChange, cancellationToken))!, cancellationToken)));
        routes.MapPost("/lab/cut", (HttpContext http) => AnswerAsync(http, async cancellationToken =>
            await control!.CutAsync((await http.Request.ReadFromJsonAsync(LabJson.Default.LabCut, cancellationToken))!, cancellationToken)));
        routes.MapPost("/lab/heal", (HttpContext http) => AnswerAsync(http, async cancellationToken =>
            await control!.HealAsync((await http.Request.ReadFromJsonAsync(LabJson.Default.LabCut, cancellationToken))!, cancellationToken)));

        async Task AnswerAsync(HttpContext http, Func<CancellationToken, Task<ControlAnswer>> carryOut)
        {
            ControlAnswer answer;
            try
            {
                answer = control is null ? new(false, "this marketplace is not in the lab; start it with 'agora up --lab'") : await carryOut(http.RequestAborted);
            }
            catch (CommandFailedException e)
            {
                answer = new(false, e.Message);
            }
            await http.Response.WriteAsJsonAsync(answer, LauncherJson.Default.ControlAnswer, cancellationToken: http.RequestAborted);
        }
    }

    public LabStatus Status()
    {
        LinkConditions usual = lab.Network.Conditions;
        Link[] links = [.. lab.Network.Links];
        LabLink[] odd = [.. links.Where(l => l.IsCut || l.Conditions != usual).Select(l => new LabLink(l.From, l.To, l.IsCut, $"{l.Conditions}"))];
        LinkCounts[] counts = [.. links.Select(l => l.Counts)];
        LinkCounts totals = new(
            counts.Sum(c => c.Passed), counts.Sum(c => c.Lost), counts.Sum(c => c.Doubled), counts.Sum(c => c.HeldBack),
            counts.Sum(c => c.CutOff), counts.Sum(c => c.Overflowed), counts.Sum(c => c.Resets), counts.Sum(c => c.Stalls));
        return new LabStatus(
            usual.IsPerfect && odd.Length == 0, lab.HasNamespaces ? "namespaces" : "relays", lab.Network.Seed, $"{usual}", odd, totals, lab.Parties, lab.ClientsFile);
    }

    public async Task<ControlAnswer> SetAsync(LabChange change, CancellationToken cancellationToken)
    {
        HashSet<string>? on = change.On is null ? null : await PartiesAsync(change.On, cancellationToken);
        Link[] chosen = [.. lab.Network.Links.Where(l => on is null || on.Contains(l.From) || on.Contains(l.To))];
        LinkConditions usual = change.Of(lab.Network.Conditions);
        if (chosen.Select(l => change.Of(l.Conditions)).Append(usual).Select(c => c.Problem()).FirstOrDefault(p => p is not null) is { } problem)
        {
            return new ControlAnswer(false, problem);
        }
        if (on is null)
        {
            lab.Network.Set(usual);
        }
        else
        {
            foreach (Link link in chosen)
            {
                lab.Network.Set(change.Of(link.Conditions), l => l == link);
            }
        }
        await lab.ApplyAsync(cancellationToken);
        return new ControlAnswer(true, on is null ? $"every link: {usual}" : $"links of {string.Join(", ", on)}: {chosen[0].Conditions}");
    }

    public async Task<ControlAnswer> CutAsync(LabCut cut, CancellationToken cancellationToken)
    {
        HashSet<string> who = await PartiesAsync(cut.Who ?? [], cancellationToken);
        HashSet<string>? from = cut.From is null ? null : await PartiesAsync(cut.From, cancellationToken);
        bool Other(string party) => from?.Contains(party) ?? !who.Contains(party);
        int links = lab.Network.Cut(l => (who.Contains(l.From) && Other(l.To)) || (!cut.OneWay && who.Contains(l.To) && Other(l.From)));
        string what = $"{string.Join(", ", who)} {(cut.OneWay ? "cannot send to" : "cut off from")} {(from is null ? "everybody else" : string.Join(", ", from))}";
        return links == 0
            ? new ControlAnswer(false, $"there is no link between {string.Join(", ", who)} and {(from is null ? "anybody else" : string.Join(", ", from))}; 'agora lab status --json' lists who there is")
            : new ControlAnswer(true, string.Create(CultureInfo.InvariantCulture, $"{what}: {links} {(links == 1 ? "link" : "links")}"));
    }

    public async Task<ControlAnswer> HealAsync(LabCut cut, CancellationToken cancellationToken)
    {
        HashSet<string>? who = cut.Who is null ? null : await PartiesAsync(cut.Who, cancellationToken);
        int links = lab.Network.Mend(l => who is null || who.Contains(l.From) || who.Contains(l.To));
        if (cut.All)
        {
            lab.Network.Set(LinkConditions.Perfect);
            await lab.ApplyAsync(cancellationToken);
        }
        return new ControlAnswer(true, string.Create(CultureInfo.InvariantCulture,
            $"{(links == 0 ? "no link was cut" : $"{links} {(links == 1 ? "link is" : "links are")} mended")}{(cut.All ? ", and every link is perfect" : "")}"));
    }

    // By name (products/3), by role (products/leader), all of a component (products), or the clients.
    private async Task<HashSet<string>> PartiesAsync(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        HashSet<string> parties = [];
        foreach (string name in names)
        {
            string[] found = [.. lab.Parties.Where(p => p == name || p.StartsWith(name + "/", StringComparison.Ordinal))];
            if (found.Length == 0 && name.Split('/') is [{ Length: > 0 } component, { Length: > 0 } which]
                && await findProcess(component, which, cancellationToken) is { } process && lab.Parties.Contains(process))
            {
                found = [process];
            }
            if (found.Length == 0)
            {
                throw new CommandFailedException(
                    $"there is no {name} in the lab; there are {string.Join(", ", lab.Parties)}, whole components such as products, and products/leader, products/follower, customers/sequencer while they are up");
            }
            parties.UnionWith(found);
        }
        return parties;
    }
}
