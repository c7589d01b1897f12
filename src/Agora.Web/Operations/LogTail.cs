namespace Agora.Web.Operations;

/// <summary>The end of a log.</summary>
/// <param name="Process">Whose log it is.</param>
/// <param name="Lines">The last lines; characters that control a terminal are escaped.</param>
/// <param name="IsCut">There are earlier lines.</param>
public sealed record LogTail(string Process, IReadOnlyList<string> Lines, bool IsCut);
