namespace Agora.Doctor;

/// <summary>Something that is wrong with a marketplace, and what to do about it.</summary>
/// <param name="Severity"><see cref="Critical"/> or <see cref="Warning"/>.</param>
/// <param name="Subject">What it is about: a process, a database or a host.</param>
/// <param name="Problem">What is wrong, to follow the subject.</param>
/// <param name="Advice">What to do, as a sentence.</param>
internal sealed record Finding(string Severity, string Subject, string Problem, string Advice)
{
    /// <summary>Something is not served, or soon will not be.</summary>
    public const string Critical = "critical";

    /// <summary>Everything is served, but one more fault may change that.</summary>
    public const string Warning = "warning";
}
