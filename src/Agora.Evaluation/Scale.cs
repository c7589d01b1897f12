using System.Text.Json.Serialization;

namespace Agora.Evaluation;

/// <summary>How many clients there are at once.</summary>
/// <param name="Sellers">Sellers.</param>
/// <param name="Buyers">Buyers.</param>
public readonly record struct Scale(int Sellers, int Buyers)
{
    /// <summary>Sellers and buyers together.</summary>
    [JsonIgnore]
    public int Clients => Sellers + Buyers;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Sellers} + {Buyers}");
}
