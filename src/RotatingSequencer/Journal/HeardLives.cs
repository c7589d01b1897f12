namespace RotatingSequencer.Journal;

/// <summary>A life of another member that was listened to.</summary>
/// <param name="Incarnation">The journal that it is a start of; 0 for none.</param>
/// <param name="Number">Which life of that incarnation.</param>
/// <param name="Id">Its random name.</param>
internal readonly record struct HeardLife(long Incarnation, long Number, long Id)
{
    /// <summary>
    /// Stands for the last life of an incarnation that an epoch has replaced: no start comes after it.
    /// </summary>
    public static HeardLife EndOf(long incarnation) => new(incarnation, long.MaxValue, -1);
}

/// <summary>
/// The lives of the others that were heard last, on the disk. A member that starts again must not listen to an earlier
/// life once more: of two processes with copies of one journal, each may have gone its own way since.
/// </summary>
/// <remarks>
/// Of each member it keeps the last life of each incarnation, of the one which the epoch counts on and of the last few
/// others that were heard or replaced.
/// </remarks>
internal sealed class HeardLives(int members)
{
    private const int MaxIncarnations = 16;

    // The one that was heard last is at the end.
    private readonly List<HeardLife>[] _lives = [.. Enumerable.Range(0, members).Select(_ => new List<HeardLife>())];

    /// <summary>All, in an order in which they can be added again.</summary>
    public IEnumerable<(int Member, HeardLife Life)> All =>
        _lives.SelectMany((lives, member) => lives.Select(life => (member, life)));

    /// <summary>The last life of an incarnation that was heard; none has the incarnation 0.</summary>
    public HeardLife Of(int member, long incarnation) =>
        incarnation == 0 ? default : _lives[member].Find(life => life.Incarnation == incarnation);

    /// <summary>A life is heard, and none before it of its incarnation any more.</summary>
    /// <param name="member">Whose life it is.</param>
    /// <param name="life">The life.</param>
    /// <param name="counts">The incarnation of the member that counts.</param>
    public void Add(int member, HeardLife life, long counts)
    {
        var lives = _lives[member];
        lives.RemoveAll(known => known.Incarnation == life.Incarnation);
        lives.Add(life);
        if (lives.Count > MaxIncarnations)
        {
            lives.RemoveAt(lives[0].Incarnation == counts ? 1 : 0);
        }
    }

    /// <summary>An epoch has replaced incarnations: no life of them is heard again.</summary>
    /// <param name="before">The incarnation of each member in the epoch before.</param>
    /// <param name="after">The same in the new one.</param>
    public void Replace(ReadOnlySpan<long> before, ReadOnlySpan<long> after)
    {
        for (var member = 0; member < before.Length; member++)
        {
            if (before[member] != after[member] && before[member] != 0)
            {
                Add(member, HeardLife.EndOf(before[member]), after[member]);
            }
        }
    }
}
