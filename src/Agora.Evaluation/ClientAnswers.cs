namespace Agora.Evaluation;

/// <summary>
/// What a client keeps of its answers, for the audit. A call that failed may have happened or not. What it may have
/// done is kept apart, as "maybe", and the audit allows both.
/// </summary>
internal abstract class ClientAnswers(string username)
{
    public string Username => username;

    /// <summary>Null until CreateAccount was answered.</summary>
    public long? AccountId { get; set; }

    /// <summary>The token of the last session; no server may accept it once <see cref="LoggedOut"/>.</summary>
    public string? Token { get; set; }

    public bool LoggedOut { get; set; }

    /// <summary>Answers that contradict earlier ones.</summary>
    public List<string> Contradictions { get; } = [];
}
