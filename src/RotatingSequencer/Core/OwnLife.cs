using RotatingSequencer.Journal;

namespace RotatingSequencer.Core;

/// <summary>Which life this member is in: this start of it, with this journal.</summary>
/// <param name="state">What the journal says of the starts before.</param>
/// <param name="id">A random name of this start.</param>
internal sealed class OwnLife(JournalState state, long id)
{
    private readonly (long Number, long Id)[] _before = [.. state.Lives];

    /// <summary>The name of the journal; another one makes another incarnation of the member.</summary>
    public long Incarnation { get; } = state.Incarnation;

    /// <summary>The name of this start.</summary>
    public long Id => id;

    /// <summary>How many starts the journal has seen, this one included.</summary>
    public long Number { get; } = state.LifeNumber + 1;

    /// <summary>Whether the journal began after a loss.</summary>
    public bool Returns { get; } = state.Returns;

    /// <summary>The starts before this one, as far as their names are known.</summary>
    public IReadOnlyList<(long Number, long Id)> Before => _before;

    /// <summary>
    /// Whether a life of this incarnation is of another process: a start that this journal has not seen. The journal
    /// was copied then, and its copy went its own way.
    /// </summary>
    /// <param name="life">The name of that life.</param>
    /// <param name="number">Its number, 0 when it may be of another incarnation.</param>
    public bool IsForeign(long life, long number) =>
        life != Id
        && number > 0
        && (
            number >= Number
            || (
                _before.Length > 0 && number >= _before[0].Number && !Array.Exists(_before, before => before.Id == life)
            )
        );
}
