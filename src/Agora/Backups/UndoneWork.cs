using System.Text.Json.Serialization;

namespace Agora.Backups;

/// <summary>What was undone in the copies of products and payments, because the copy of customers is older.</summary>
/// <param name="Purchases">Reservations whose purchase customers had not decided: their units are on sale
/// again.</param>
/// <param name="Charges">Charges of purchases that customers had not completed: cancelled.</param>
/// <param name="Votes">Votes that customers had not recorded.</param>
/// <param name="Items">Items of sellers whose account customers did not have.</param>
internal sealed record UndoneWork(int Purchases, int Charges, int Votes, int Items)
{
    [JsonIgnore]
    public bool IsNothing => this == new UndoneWork(0, 0, 0, 0);
}
