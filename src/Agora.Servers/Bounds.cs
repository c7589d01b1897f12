namespace Agora.Servers;

/// <summary>
/// The bounds of what users may send: <see cref="Fields"/> checks them, and the OpenAPI document shows them. Lengths are in characters, that
/// is, in Unicode code points after normalisation.
/// </summary>
internal static class Bounds
{
    public const int MaxName = 32;

    public const int MaxUsername = 64;

    public const int MinPassword = 8;

    public const int MaxPassword = 128;

    public const int MaxKeyword = 8;

    public const int MaxKeywords = 5;

    public const int MaxCategory = int.MaxValue;

    /// <summary>With <see cref="MaxUnits"/> low enough that no total of a cart comes near the end of an Int64.</summary>
    public const long MaxPriceCents = 999_999_999;

    public const int MaxUnits = 1_000_000;

    /// <summary>What a cart can cost at most: 200 lines.</summary>
    public const long MaxTotalCents = 200 * MaxPriceCents * MaxUnits;

    public const int MaxCardholderName = 100;

    public const int MaxKey = 64;

    public const int MaxCursor = 500;

    public const int MaxPage = 200;

    public const int Page = 50;
}
