using System.Globalization;

namespace Agora.Cluster;

/// <summary>What the web pages call a category. To servers and databases a category is a number.</summary>
public sealed record CategoryName
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxLength = 32;

    /// <summary>The most categories that have a name.</summary>
    public const int MaxCategories = 100;

    /// <summary>The category, 0 or more.</summary>
    public int Number { get; init; }

    /// <summary>Its name, 1 to 32 characters.</summary>
    public string Name { get; init; } = "";

    /// <summary>The categories of the catalogue that <c>agora seed</c> makes up.</summary>
    public static IReadOnlyList<CategoryName> Defaults { get; } =
    [
        new() { Number = 1, Name = "Bicycles" },
        new() { Number = 2, Name = "Books" },
        new() { Number = 3, Name = "Furniture" },
        new() { Number = 4, Name = "Kitchen" },
        new() { Number = 5, Name = "Music" },
        new() { Number = 6, Name = "Electronics" },
        new() { Number = 7, Name = "Clothes" },
        new() { Number = 8, Name = "Garden" },
        new() { Number = 9, Name = "Toys" },
        new() { Number = 10, Name = "Sport" },
    ];

    /// <summary>The name of a category; its number if it has none.</summary>
    public static string Of(IEnumerable<CategoryName> names, int category)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.FirstOrDefault(n => n.Number == category)?.Name
            ?? string.Create(CultureInfo.InvariantCulture, $"Category {category}");
    }
}
