namespace Agora.Contracts.Faults;

/// <summary>
/// A process cannot start, or cannot go on, because of something that whoever runs it can put right: told in one line and without a stack trace.
/// </summary>
/// <param name="where">The file, the directory or the setting.</param>
/// <param name="what">What is wrong with it, without a full stop.</param>
/// <param name="fix">The command or the step that helps, as a sentence without its full stop.</param>
/// <param name="inner">How it was noticed.</param>
public sealed class FixableException(string where, string what, string fix, Exception? inner = null)
    : IOException($"{where}: {what}. {fix}", inner);
