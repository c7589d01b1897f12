namespace Agora.Web.Operations;

/// <summary>A change of the lab's network; what is null stays as it is.</summary>
/// <param name="Loss">The share of everything that is lost, from 0 to 1.</param>
/// <param name="Delay">The delay of everything.</param>
/// <param name="Cut">The process to cut off from all others.</param>
/// <param name="Heal">Make every link perfect again.</param>
public sealed record NetworkAct(double? Loss = null, TimeSpan? Delay = null, string? Cut = null, bool Heal = false);
