using System.Globalization;

namespace Agora.Gate;

/// <summary>A figure that README or docs promise, and the bound that the gate checks.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Unit">The unit of all three numbers.</param>
/// <param name="Promised">What the documents say.</param>
/// <param name="Bound">
/// Beyond it the gate fails. It is generous: a busy machine stays within it, a regression by a factor does not.
/// </param>
/// <param name="Measured">What came out.</param>
/// <param name="AtLeast">Whether more is better.</param>
internal sealed record Figure(
    string Name,
    string Unit,
    double Promised,
    double Bound,
    double Measured,
    bool AtLeast = false
)
{
    public bool Holds => AtLeast ? Measured >= Bound : Measured <= Bound;

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"| {Name} | {(AtLeast ? "≥" : "≤")} {Promised:0.##} {Unit} | {(AtLeast ? "≥" : "≤")} {Bound:0.##} {Unit} "
                + $"| {Measured:0.##} {Unit} | {(Holds ? "holds" : "FAILS")} |"
        );
}
