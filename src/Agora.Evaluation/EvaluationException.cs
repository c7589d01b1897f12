namespace Agora.Evaluation;

/// <summary>Why an evaluation cannot be made or go on; the message is for a person.</summary>
public sealed class EvaluationException(string message, Exception? inner = null) : Exception(message, inner);
