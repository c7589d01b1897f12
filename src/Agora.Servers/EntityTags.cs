using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Agora.Servers;

/// <summary>
/// Conditions on an item's version (RFC 9110, 13.1): its ETag is the version in quotes, a strong one. A tag that no version has is no error,
/// it only matches nothing.
/// </summary>
internal static class EntityTags
{
    /// <summary>Stands in a list of versions for tags that no version has: no item is of it.</summary>
    public const long NoVersion = -1;

    /// <summary>The ETag of an item of this version.</summary>
    public static string Of(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>Reads If-Match; false where it is malformed.</summary>
    /// <param name="header">The request's header lines.</param>
    /// <param name="versions">The versions of which the item must be one; empty where any will do. Weak tags match none.</param>
    public static bool TryReadIfMatch(StringValues header, out IReadOnlyList<long> versions)
    {
        versions = [];
        if (header.Count == 0)
        {
            return true;
        }
        if (!TryRead(header, out var tags))
        {
            return false;
        }
        if (tags is not [{ IsWeak: false, Tag.Value: "*" }])
        {
            versions = [.. tags.Select(tag => tag.IsWeak ? NoVersion : VersionOf(tag)).Distinct()];
        }
        return true;
    }

    /// <summary>Whether If-None-Match names this version, weakly or not; false where the header is missing or malformed.</summary>
    public static bool IfNoneMatchNames(StringValues header, string tag) =>
        header.Count > 0 && TryRead(header, out var tags)
        && tags.Any(other => other.Tag.Equals("*", StringComparison.Ordinal) || other.Tag.Equals(tag, StringComparison.Ordinal));

    private static bool TryRead(StringValues header, out IList<EntityTagHeaderValue> tags) =>
        EntityTagHeaderValue.TryParseStrictList(header.ToArray()!, out tags!)
        && tags.Count > 0
        // "*" stands alone.
        && (tags.Count == 1 || tags.All(tag => tag.Tag.Value != "*"));

    private static long VersionOf(EntityTagHeaderValue tag) =>
        tag.Tag.Value is ['"', .. var inner, '"'] && Digits.TryParse(inner, long.MaxValue, out var version) ? version : NoVersion;
}
