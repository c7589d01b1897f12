using System.CommandLine;

namespace Agora.Trading;

/// <summary>A running command, as needed to get values that its options do not give.</summary>
internal interface IQuestions
{
    bool HasKeyboard { get; }

    /// <summary>Cancelled by Ctrl-C.</summary>
    CancellationToken CancellationToken { get; }

    T? Get<T>(Option<T> option);

    Task<string?> AskAsync(string question, bool secret);

    /// <summary>The next line of standard input; null at its end.</summary>
    Task<string?> ReadLineAsync();
}
