namespace Agora.Servers;

/// <summary>
/// The bounds of what users may send. <see cref="RequestFields"/> checks them, and the OpenAPI document shows them.
/// Lengths are in characters, that is, Unicode code points after normalisation.
/// </summary>
internal static class FieldBounds
{
    public const int MaxNameLength = 32;

    public const int MaxUsernameLength = 64;

    public const int MinPasswordLength = 8;

    public const int MaxPasswordLength = 128;

    public const int MaxKeywordLength = 8;

    public const int MaxKeywords = 5;

    public const int MaxCategory = int.MaxValue;

    /// <summary>Together with <see cref="MaxUnits"/>, low enough that no total of a cart overflows an Int64.</summary>
    public const long MaxPriceCents = 999_999_999;

    public const int MaxUnits = 1_000_000;

    /// <summary>The highest total of a cart: it has at most 200 lines.</summary>
    public const long MaxTotalCents = 200 * MaxPriceCents * MaxUnits;

    public const int MaxCardholderNameLength = 100;

    public const int MaxKeyLength = 64;

    public const int MaxCursorLength = 500;

    public const int MaxPageSize = 200;

    public const int DefaultPageSize = 50;
}
