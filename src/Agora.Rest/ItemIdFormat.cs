using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Agora.Rest;

/// <summary>
/// The form of an item's id: <c>&lt;category&gt;-&lt;number&gt;</c>. Each item has exactly one spelling (no sign, space
/// or leading zero), because ids are compared as text.
/// </summary>
public static class ItemIdFormat
{
    /// <summary>The rule, as an error message states it.</summary>
    public const string Rule = "must be an item's id, like 3-17";

    /// <summary>Whether a text could be the id of an item.</summary>
    public static bool IsValid([NotNullWhen(true)] string? text)
    {
        var dash = text?.IndexOf('-', StringComparison.Ordinal) ?? -1;
        return dash > 0
            && int.TryParse(text.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var category)
            && long.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && text == string.Create(CultureInfo.InvariantCulture, $"{category}-{number}");
    }

    /// <summary>What is wrong with a text as an item's id; null if nothing is.</summary>
    public static string? WhatIsWrong(string text) => IsValid(text) ? null : Rule;
}
