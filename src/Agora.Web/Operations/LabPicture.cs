namespace Agora.Web.Operations;

/// <summary>The network of the lab.</summary>
/// <param name="IsGood">It has no faults.</param>
/// <param name="Conditions">What every link does, in words, unless it is among the others.</param>
/// <param name="Links">The links that are cut, or do something else.</param>
public sealed record LabPicture(bool IsGood, string Conditions, IReadOnlyList<LabLinkPicture> Links);

/// <summary>A link that differs from the others.</summary>
/// <param name="From">The sender.</param>
/// <param name="To">The receiver.</param>
/// <param name="IsCut">Nothing passes.</param>
/// <param name="Conditions">What it does, in words.</param>
public sealed record LabLinkPicture(string From, string To, bool IsCut, string Conditions);
