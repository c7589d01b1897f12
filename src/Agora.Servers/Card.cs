using Agora.Contracts.Payments;

namespace Agora.Servers;

/// <summary>
/// A well-formed card. It exists in the memory of the server that drives the purchase, and nowhere else.
/// </summary>
internal sealed record Card(string CardholderName, string CardNumber, string ExpirationDate, string SecurityCode)
{
    /// <summary>The record's name only: a card must not appear in logs.</summary>
    public override string ToString() => nameof(Card);

    public static Card Read(RequestFields fields, TimeProvider time) =>
        new(
            fields.Name("cardholderName", FieldBounds.MaxCardholderNameLength),
            fields.Text("cardNumber", CardRules.WrongNumber),
            fields.Text("expirationDate", text => CardRules.WrongExpiration(text, time.GetUtcNow())),
            fields.Text("securityCode", CardRules.WrongSecurityCode)
        );
}
