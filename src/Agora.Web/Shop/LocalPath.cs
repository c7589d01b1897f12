namespace Agora.Web.Shop;

/// <summary>A path of these pages that a request names, as the place to go to after logging in.</summary>
internal static class LocalPath
{
    private const int MaxLength = 2000;

    /// <summary>
    /// The path if it leads to these pages, else the front page. A path that begins with two slashes, or with a slash
    /// and a backslash, leads a browser to another site.
    /// </summary>
    public static string Of(string? path) => IsLocal(path) ? path! : "/";

    private static bool IsLocal(string? path) =>
        path is { Length: > 0 and <= MaxLength }
        && path[0] == '/'
        && !(path.Length > 1 && path[1] == '/')
        && path.All(c => c is > ' ' and <= '~' and not '\\');
}
