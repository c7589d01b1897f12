namespace Agora.Cluster;

/// <summary>
/// A process cannot start or continue because of something that its operator can fix. It is reported in one line,
/// without a stack trace.
/// </summary>
/// <param name="where">The file, the directory or the setting.</param>
/// <param name="what">What is wrong with it, without a full stop.</param>
/// <param name="fix">How to fix it, as a sentence without its full stop.</param>
/// <param name="inner">The exception that revealed it.</param>
public sealed class FixableException(string where, string what, string fix, Exception? inner = null)
    : IOException($"{where}: {what}. {fix}", inner);
