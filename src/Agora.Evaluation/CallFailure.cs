namespace Agora.Evaluation;

/// <summary>A call that failed, and how.</summary>
internal sealed record CallFailure(MarketplaceFunction Function, string Code, string Detail)
{
    public override string ToString() => $"{Function.Role()}'s {Function.Name()}: {Code}: {Detail}";
}
