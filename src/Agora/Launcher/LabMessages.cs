using System.Text.Json.Serialization;
using Agora.Lab;

namespace Agora.Launcher;

/// <summary>
/// Changes the conditions of links (<see cref="LinkConditions"/>): of all links, or with <c>On</c> only those of some
/// parties. Null leaves a value as it is.
/// </summary>
internal sealed record LabChange(
    double? Loss,
    TimeSpan? Delay,
    TimeSpan? Jitter,
    double? Duplication,
    double? Reordering,
    TimeSpan? HoldBack,
    double? Resets,
    double? Stalls,
    TimeSpan? StallLength,
    string[]? On
)
{
    public LinkConditions Of(LinkConditions now) =>
        now with
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

/// <summary>Cuts links, or heals them.</summary>
/// <param name="Who">The parties to cut off; to heal, null means all parties.</param>
/// <param name="From">The parties to cut them off from; null for all that are not in <paramref name="Who"/>.</param>
/// <param name="OneWay">Cuts only what <paramref name="Who"/> send.</param>
/// <param name="All">Healing also removes loss, delay and all other faults.</param>
internal sealed record LabCut(string[]? Who, string[]? From, bool OneWay, bool All);

/// <summary>The faults of the network at the moment.</summary>
/// <param name="Good">It has none.</param>
/// <param name="Mode"><c>relays</c> or <c>namespaces</c>.</param>
/// <param name="Seed">Decides everything that is random.</param>
/// <param name="Conditions">The conditions of every link that is not in <paramref name="Links"/>, in words.</param>
/// <param name="Links">The links that are cut, or have other conditions.</param>
/// <param name="Totals">The counts of all links together.</param>
/// <param name="Parties">The parties that the links connect.</param>
/// <param name="ClientsFile">The cluster file for clients.</param>
internal sealed record LabStatus(
    bool Good,
    string Mode,
    ulong Seed,
    string Conditions,
    IReadOnlyList<LabLink> Links,
    LinkCounts Totals,
    IReadOnlyList<string> Parties,
    string ClientsFile
);

/// <summary>A link that differs from the others.</summary>
/// <param name="From">The sender.</param>
/// <param name="To">The receiver.</param>
/// <param name="Cut">Nothing passes.</param>
/// <param name="Conditions">Its conditions, in words.</param>
internal sealed record LabLink(string From, string To, bool Cut, string Conditions);

/// <summary>The JSON of the lab's part of the control channel.</summary>
[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(LabChange))]
[JsonSerializable(typeof(LabCut))]
[JsonSerializable(typeof(LabStatus))]
internal sealed partial class LabJson : JsonSerializerContext;
