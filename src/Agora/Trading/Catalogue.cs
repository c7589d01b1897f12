using System.Globalization;
using Agora.Rest;
using Bogus;

namespace Agora.Trading;

/// <summary>A shop's items and people, made up from a seed: the same seed makes up the same.</summary>
internal sealed class Catalogue
{
    private const int MaxName = 32;
    private const int MaxKeyword = 8;

    private static readonly string[] s_materials =
    [
        "wooden",
        "steel",
        "cotton",
        "leather",
        "bamboo",
        "glass",
        "linen",
        "oak",
        "cork",
        "wool",
    ];
    private static readonly string[] s_qualities =
    [
        "small",
        "large",
        "vintage",
        "compact",
        "classic",
        "sturdy",
        "light",
        "folding",
        "handmade",
        "modern",
    ];
    private static readonly string[] s_colours =
    [
        "red",
        "blue",
        "green",
        "black",
        "white",
        "yellow",
        "grey",
        "orange",
        "silver",
        "brown",
    ];

    /// <summary>
    /// The things that are sold in each category, and their range of prices. The cluster file names the categories.
    /// </summary>
    public static IReadOnlyList<ProductCategory> Categories { get; } =
    [
        new(1, 40, 900, ["bike", "tandem", "scooter", "unicycle", "trailer", "cargo bike"]),
        new(2, 4, 40, ["novel", "atlas", "cookbook", "notebook", "comic", "guide"]),
        new(3, 25, 600, ["chair", "table", "shelf", "lamp", "desk", "stool", "wardrobe"]),
        new(4, 5, 150, ["kettle", "pan", "knife", "teapot", "bowl", "grinder", "whisk"]),
        new(5, 15, 1200, ["guitar", "violin", "drum", "flute", "piano", "ukulele", "record"]),
        new(6, 10, 800, ["radio", "camera", "keyboard", "speaker", "monitor", "charger"]),
        new(7, 8, 180, ["jacket", "scarf", "hat", "boots", "shirt", "coat", "gloves"]),
        new(8, 6, 250, ["spade", "bench", "pot", "hammock", "lantern", "barrow"]),
        new(9, 3, 90, ["puzzle", "train", "kite", "robot", "doll", "blocks", "yo-yo"]),
        new(10, 8, 300, ["ball", "racket", "skates", "tent", "rucksack", "sledge", "canoe"]),
    ];

    public Catalogue(int seed, int items)
    {
        Faker faker = new("en") { Random = new Randomizer(seed) };
        Sellers = [.. People(faker, "seller", seed, Math.Clamp(items / 50, 3, 20))];
        Buyers = [.. People(faker, "buyer", seed, Math.Clamp(items / 50, 3, 20))];
        Items = [.. Enumerable.Range(0, items).Select(_ => Item(faker))];
    }

    public IReadOnlyList<Person> Sellers { get; }

    public IReadOnlyList<Person> Buyers { get; }

    public IReadOnlyList<RegisterItemRequest> Items { get; }

    private static IEnumerable<Person> People(Faker faker, string role, int seed, int count) =>
        Enumerable
            .Range(1, count)
            .Select(i =>
            {
                var name = faker.Name.FullName();
                return new Person(
                    name.Length <= MaxName ? name : name[..MaxName].TrimEnd(),
                    string.Create(CultureInfo.InvariantCulture, $"{role}-{seed}-{i}")
                );
            });

    private static RegisterItemRequest Item(Faker faker)
    {
        var category = faker.PickRandom<ProductCategory>(Categories);
        var thing = faker.PickRandom(category.Things);
        string[] words = [faker.PickRandom(s_qualities), faker.PickRandom(s_colours), faker.PickRandom(s_materials)];
        var described = string.Join(' ', words.OrderBy(_ => faker.Random.Int()).Take(faker.Random.Int(1, 2)));
        var name = $"{char.ToUpperInvariant(described[0])}{described[1..]} {thing}";
        var used = faker.Random.Bool(0.4f);

        // More cheap things than expensive ones.
        var share = Math.Pow(faker.Random.Double(), 2.5);
        var price =
            Math.Floor(
                (decimal)(category.MinPrice + share * (category.MaxPrice - category.MinPrice)) * (used ? 0.6m : 1m)
            ) + faker.PickRandom(0.00m, 0.50m, 0.90m, 0.95m, 0.99m);
        return new RegisterItemRequest
        {
            Name = name.Length <= MaxName ? name : $"{char.ToUpperInvariant(thing[0])}{thing[1..]}",
            Category = category.Number,
            Keywords =
            [
                .. described
                    .Split(' ')
                    .Append(thing.Split(' ')[^1])
                    .Where(w => w.Length <= MaxKeyword)
                    .Distinct()
                    .Take(5),
            ],
            Condition = used ? ItemCondition.Used : ItemCondition.New,
            Price = Math.Max(price, 1),
            Quantity = faker.Random.Bool(0.3f) ? 1 : faker.Random.Int(2, 40),
        };
    }

    internal sealed record ProductCategory(int Number, int MinPrice, int MaxPrice, string[] Things);

    internal sealed record Person(string Name, string Username);
}
