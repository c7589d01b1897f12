namespace Agora.Web.Operations;

/// <summary>The result of a write and a read at each database, through the servers.</summary>
/// <param name="At">When, in UTC.</param>
/// <param name="IsReady">Every function was served.</param>
/// <param name="Missing">What was not.</param>
public sealed record ServedCheck(DateTime At, bool IsReady, IReadOnlyList<string> Missing);
