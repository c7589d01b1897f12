using System.Globalization;
using Agora.Lab;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Agora.Launcher;

/// <summary>Carries out the commands for the lab.</summary>
/// <param name="lab">The lab.</param>
/// <param name="findProcess">Finds a process by component and number or role.</param>
/// <param name="note">Receives a sentence for each change.</param>
internal sealed class LabControl(
    LabNetwork lab,
    Func<string, string, CancellationToken, Task<string?>> findProcess,
    Action<string>? note = null
)
{
    /// <summary>Adds the lab's commands to a control channel; without a lab they say how to get one.</summary>
    public static void Map(IEndpointRouteBuilder routes, LabControl? control)
    {
        routes.MapGet(
            "/lab",
            async (HttpContext http) =>
            {
                if (control is null)
                {
                    http.Response.StatusCode = StatusCodes.Status404NotFound;
                    return;
                }

                await http.Response.WriteAsJsonAsync(
                    control.Status(),
                    LabJson.Default.LabStatus,
                    cancellationToken: http.RequestAborted
                );
            }
        );
        routes.MapPost(
            "/lab/set",
            (HttpContext http) =>
                AnswerAsync(
                    http,
                    async cancellationToken =>
                        await control!.SetAsync(
                            (await http.Request.ReadFromJsonAsync(LabJson.Default.LabChange, cancellationToken))!,
                            cancellationToken
                        )
                )
        );
        routes.MapPost(
            "/lab/cut",
            (HttpContext http) =>
                AnswerAsync(
                    http,
                    async cancellationToken =>
                        await control!.CutAsync(
                            (await http.Request.ReadFromJsonAsync(LabJson.Default.LabCut, cancellationToken))!,
                            cancellationToken
                        )
                )
        );
        routes.MapPost(
            "/lab/heal",
            (HttpContext http) =>
                AnswerAsync(
                    http,
                    async cancellationToken =>
                        await control!.HealAsync(
                            (await http.Request.ReadFromJsonAsync(LabJson.Default.LabCut, cancellationToken))!,
                            cancellationToken
                        )
                )
        );

        async Task AnswerAsync(HttpContext http, Func<CancellationToken, Task<ControlAnswer>> carryOut)
        {
            ControlAnswer answer;
            try
            {
                answer = control is null
                    ? new(false, "this marketplace is not in the lab; start it with 'agora up --lab'")
                    : await carryOut(http.RequestAborted);
                if (answer.Done)
                {
                    control?.Note($"network: {answer.Message}");
                }
            }
            catch (CommandFailedException e)
            {
                answer = new(false, e.Message);
            }

            await http.Response.WriteAsJsonAsync(
                answer,
                LauncherJson.Default.ControlAnswer,
                cancellationToken: http.RequestAborted
            );
        }
    }

    private void Note(string what) => note?.Invoke(what);

    public LabStatus Status()
    {
        var usual = lab.Network.Conditions;
        Link[] links = [.. lab.Network.Links];
        LabLink[] odd =
        [
            .. links
                .Where(l => l.IsCut || l.Conditions != usual)
                .Select(l => new LabLink(l.From, l.To, l.IsCut, $"{l.Conditions}")),
        ];
        LinkCounts[] counts = [.. links.Select(l => l.Counts)];
        LinkCounts totals = new(
            counts.Sum(c => c.Passed),
            counts.Sum(c => c.Lost),
            counts.Sum(c => c.Doubled),
            counts.Sum(c => c.HeldBack),
            counts.Sum(c => c.CutOff),
            counts.Sum(c => c.Overflowed),
            counts.Sum(c => c.Resets),
            counts.Sum(c => c.Stalls)
        );
        return new LabStatus(
            usual.IsPerfect && odd.Length == 0,
            lab.HasNamespaces ? "namespaces" : "relays",
            lab.Network.Seed,
            $"{usual}",
            odd,
            totals,
            lab.Parties,
            lab.ClientsFile
        );
    }

    public async Task<ControlAnswer> SetAsync(LabChange change, CancellationToken cancellationToken)
    {
        var on = change.On is null ? null : await PartiesAsync(change.On, cancellationToken);
        Link[] chosen = [.. lab.Network.Links.Where(l => on is null || on.Contains(l.From) || on.Contains(l.To))];
        var usual = change.Of(lab.Network.Conditions);
        if (
            chosen
                .Select(l => change.Of(l.Conditions))
                .Append(usual)
                .Select(c => c.Problem())
                .FirstOrDefault(p => p is not null) is
            { } problem
        )
        {
            return new ControlAnswer(false, problem);
        }

        if (on is null)
        {
            lab.Network.Set(usual);
        }
        else
        {
            foreach (var link in chosen)
            {
                lab.Network.Set(change.Of(link.Conditions), l => l == link);
            }
        }

        await lab.ApplyAsync(cancellationToken);
        return new ControlAnswer(
            true,
            on is null ? $"every link: {usual}" : $"links of {string.Join(", ", on)}: {chosen[0].Conditions}"
        );
    }

    public async Task<ControlAnswer> CutAsync(LabCut cut, CancellationToken cancellationToken)
    {
        var who = await PartiesAsync(cut.Who ?? [], cancellationToken);
        var from = cut.From is null ? null : await PartiesAsync(cut.From, cancellationToken);
        bool Other(string party) => from?.Contains(party) ?? !who.Contains(party);
        var links = lab.Network.Cut(l =>
            (who.Contains(l.From) && Other(l.To)) || (!cut.OneWay && who.Contains(l.To) && Other(l.From))
        );
        var others = from is null ? "all others" : string.Join(", ", from);
        var what = $"{string.Join(", ", who)} {(cut.OneWay ? "cannot send to" : "cut off from")} {others}";
        return links == 0
            ? new ControlAnswer(
                false,
                $"there is no link between {string.Join(", ", who)} and {others}; "
                    + "'agora lab status --json' lists the parties"
            )
            : new ControlAnswer(
                true,
                string.Create(CultureInfo.InvariantCulture, $"{what}: {links} {(links == 1 ? "link" : "links")}")
            );
    }

    public async Task<ControlAnswer> HealAsync(LabCut cut, CancellationToken cancellationToken)
    {
        var who = cut.Who is null ? null : await PartiesAsync(cut.Who, cancellationToken);
        var links = lab.Network.Heal(l => who is null || who.Contains(l.From) || who.Contains(l.To));
        if (cut.All)
        {
            lab.Network.Set(LinkConditions.Perfect);
            await lab.ApplyAsync(cancellationToken);
        }

        return new ControlAnswer(
            true,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{(links == 0 ? "no link was cut" : $"{links} {(links == 1 ? "link is" : "links are")} healed")}"
                    + $"{(cut.All ? ", and every link is perfect" : "")}"
            )
        );
    }

    // A party has a name (products/3) or a role (products/leader). A component (products) means all its replicas.
    private async Task<HashSet<string>> PartiesAsync(IEnumerable<string> names, CancellationToken cancellationToken)
    {
        HashSet<string> parties = [];
        foreach (var name in names)
        {
            string[] found =
            [
                .. lab.Parties.Where(p => p == name || p.StartsWith(name + "/", StringComparison.Ordinal)),
            ];
            if (
                found.Length == 0
                && name.Split('/') is [{ Length: > 0 } component, { Length: > 0 } which]
                && await findProcess(component, which, cancellationToken) is { } process
                && lab.Parties.Contains(process)
            )
            {
                found = [process];
            }

            if (found.Length == 0)
            {
                throw new CommandFailedException(
                    $"there is no {name} in the lab; there are {string.Join(", ", lab.Parties)}, "
                        + "whole components such as products, "
                        + "and products/leader, products/follower, customers/sequencer while they are up"
                );
            }

            parties.UnionWith(found);
        }

        return parties;
    }
}
