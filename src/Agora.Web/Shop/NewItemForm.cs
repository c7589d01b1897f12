using System.Globalization;
using Agora.Rest;

namespace Agora.Web.Shop;

/// <summary>The form for a new item, as the seller filled it.</summary>
public sealed class NewItemForm
{
    /// <summary>The field of the name.</summary>
    public const string NameField = "name";

    /// <summary>The field of the category.</summary>
    public const string CategoryField = "category";

    /// <summary>The field of the words for the search.</summary>
    public const string KeywordsField = "keywords";

    /// <summary>The field of the condition.</summary>
    public const string ConditionField = "condition";

    /// <summary>The field of the price.</summary>
    public const string PriceField = "price";

    /// <summary>The field of the number of units.</summary>
    public const string QuantityField = "quantity";

    private const int MaxShown = 200;

    /// <summary>The key under which the item is put up once.</summary>
    public required string Key { get; init; }

    /// <summary>The name.</summary>
    public string Name { get; private init; } = "";

    /// <summary>The category; null if none was chosen.</summary>
    public int? Category { get; private init; }

    /// <summary>The words for the search, as they were typed.</summary>
    public string Keywords { get; private init; } = "";

    /// <summary>The condition.</summary>
    public ItemCondition Condition { get; private init; }

    /// <summary>The price, as it was typed.</summary>
    public string Price { get; private init; } = "";

    /// <summary>The number of units, as it was typed.</summary>
    public string Quantity { get; private init; } = "1";

    /// <summary>What is wrong.</summary>
    public FormErrors Errors { get; } = new();

    /// <summary>The item as buyers would see it.</summary>
    public Item Preview =>
        new()
        {
            Id = "0-0",
            Name = Name.Length > 0 ? Name : "Your item",
            Category = Category ?? 0,
            Keywords = [],
            Condition = Condition,
            Price = Money.Parse(Price) ?? 0,
            Quantity = long.TryParse(Quantity, NumberStyles.None, CultureInfo.InvariantCulture, out var units)
                ? units
                : 1,
            SellerId = 0,
            Feedback = new() { ThumbsUp = 0, ThumbsDown = 0 },
        };

    private string[] Words => Keywords.Split([' ', ',', ';', '\t'], StringSplitOptions.RemoveEmptyEntries);

    internal static NewItemForm Of(Func<string, string> field, string key)
    {
        string Shown(string name)
        {
            var text = field(name).Trim();
            return text.Length <= MaxShown ? text : text[..MaxShown];
        }

        return new NewItemForm
        {
            Key = key,
            Name = Shown(NameField),
            Category = int.TryParse(
                field(CategoryField).Trim(),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out var category
            )
                ? category
                : null,
            Keywords = Shown(KeywordsField),
            Condition = field(ConditionField) == "used" ? ItemCondition.Used : ItemCondition.New,
            Price = Shown(PriceField),
            Quantity = Shown(QuantityField) is { Length: > 0 } quantity ? quantity : "1",
        };
    }

    /// <summary>The item; null, with the errors noted, if something cannot be read.</summary>
    internal RegisterItemRequest? Check()
    {
        if (Name.Length == 0)
        {
            Errors.Add(NameField, "Give it a name.");
        }

        if (Category is null)
        {
            Errors.Add(CategoryField, "Choose a category.");
        }

        if (Money.Parse(Price) is not { } price)
        {
            Errors.Add(PriceField, "Write the price as a number, like 12.50.");
            price = 0;
        }

        if (!int.TryParse(Quantity, NumberStyles.None, CultureInfo.InvariantCulture, out var quantity))
        {
            Errors.Add(QuantityField, "How many? Write a whole number.");
        }

        return Errors.IsEmpty
            ? new RegisterItemRequest
            {
                Name = Name,
                Category = Category,
                Keywords = Words,
                Condition = Condition,
                Price = price,
                Quantity = quantity,
            }
            : null;
    }
}
