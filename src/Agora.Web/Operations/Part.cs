namespace Agora.Web.Operations;

/// <summary>A part of the page that is replaced as a whole when it changes.</summary>
/// <param name="Id">The id of its element.</param>
/// <param name="Html">The element.</param>
internal readonly record struct Part(string Id, string Html);
