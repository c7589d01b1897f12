using System.Globalization;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Agora.Servers;

/// <summary>
/// Conditions on an item's version (RFC 9110, 13.1). Its ETag is the version in quotes, a strong tag. A tag that no
/// version has is no error; it matches nothing.
/// </summary>
internal static class EntityTags
{
    /// <summary>Versions that one request may name; the products database takes no more.</summary>
    public const int MaxVersions = 200;

    /// <summary>Replaces a tag that no version has: no item has this version.</summary>
    public const long NoVersion = -1;

    /// <summary>The ETag of an item of this version.</summary>
    public static string Of(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <summary>Reads If-Match; false if it is malformed or names too many versions.</summary>
    /// <param name="header">The request's header lines.</param>
    /// <param name="versions">The versions, one of which the item must have; empty if any will do. Weak tags match
    /// none.</param>
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

        return versions.Count <= MaxVersions;
    }

    /// <summary>
    /// Whether If-None-Match names this version, weakly or not; false if the header is missing or malformed.
    /// </summary>
    public static bool IfNoneMatchNames(StringValues header, string tag) =>
        header.Count > 0
        && TryRead(header, out var tags)
        && tags.Any(other =>
            other.Tag.Equals("*", StringComparison.Ordinal) || other.Tag.Equals(tag, StringComparison.Ordinal)
        );

    private static bool TryRead(StringValues header, out IList<EntityTagHeaderValue> tags) =>
        EntityTagHeaderValue.TryParseStrictList(header.ToArray()!, out tags!)
        && tags.Count > 0
        // "*" must be the only tag.
        && (tags.Count == 1 || tags.All(tag => tag.Tag.Value != "*"));

    private static long VersionOf(EntityTagHeaderValue tag) =>
        tag.Tag.Value is ['"', .. var inner, '"'] && Digits.TryParse(inner, long.MaxValue, out var version)
            ? version
            : NoVersion;
}
