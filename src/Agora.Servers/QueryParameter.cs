namespace Agora.Servers;

/// <summary>A query parameter.</summary>
internal sealed record QueryParameter(
    string Name,
    string Description,
    bool IsInteger = false,
    bool IsMany = false,
    bool IsRequired = false
)
{
    /// <summary>The smallest number, or the smallest length of a text.</summary>
    public int Min { get; init; } = 1;

    /// <summary>The largest number, or the largest length of a text.</summary>
    public required int Max { get; init; }

    /// <summary>Its value if it is missing.</summary>
    public int? Default { get; init; }

    /// <summary>How often it may occur.</summary>
    public int? MaxItems { get; init; }

    public static QueryParameter[] Page { get; } =
    [
        new("limit", "How many items a page has at most.", IsInteger: true)
        {
            Max = FieldBounds.MaxPageSize,
            Default = FieldBounds.DefaultPageSize,
        },
        new("cursor", "The nextCursor of the page before; leave it out for the first page.")
        {
            Max = FieldBounds.MaxCursorLength,
        },
    ];
}
