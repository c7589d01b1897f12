namespace Agora.Web.Operations;

/// <summary>What came of something that an operator asked for.</summary>
/// <param name="Done">It was done.</param>
/// <param name="Message">What was done, or why not.</param>
public sealed record ActAnswer(bool Done, string Message);
