using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation.Plays;

/// <summary>What ends a told step.</summary>
internal static class Until
{
    /// <summary>A member sends this Request for the first time.</summary>
    public static Func<Moment, bool> Request(int sender, long local) =>
        moment =>
            moment.Sent.Any(d => d.Messages.Any(m => m is { IsRequest: true, IsAgain: false } && Is(m, sender, local)));

    /// <summary>The owner of this number sends its Sequence for the first time.</summary>
    public static Func<Moment, bool> Sequence(long number) =>
        moment =>
            moment.Sent.Any(d => d.Messages.Any(m => m is { IsSequence: true, IsAgain: false } && m.Number == number));

    /// <summary>A member sends something to one other member alone.</summary>
    public static Func<Moment, bool> SendsTo(int from, int to, Func<SentMessage, bool> which) =>
        moment => moment.Member == from && moment.Sent.Any(d => !d.IsToAll && d.To == to && d.Messages.Any(which));

    /// <summary>A member sends its claims alone: to one other member, or to all.</summary>
    public static Func<Moment, bool> Claims(int from, int? to = null) =>
        moment =>
            moment.Member == from
            && moment.Sent.Any(d => d.Messages.Count == 0 && (to is null ? d.IsToAll : !d.IsToAll && d.To == to));

    public static Func<Moment, bool> Delivers(int member, long number) =>
        moment => moment.States[member].Delivered >= number;

    public static Func<Moment, bool> AllDeliver(long number) =>
        moment => moment.States.All(state => state.Delivered >= number);

    /// <summary>All know that all hold everything up to this number.</summary>
    public static Func<Moment, bool> AllDrop(long number) =>
        moment => moment.States.All(state => state.Dropped >= number);

    public static Func<Moment, bool> Happens(int member, MemberEvent what) =>
        moment => moment.Member == member && moment.Events.Contains(what);

    public static Func<Moment, bool> Receives(int member, Func<SentMessage, bool> which) =>
        moment => moment.Member == member && moment.Received.Any(d => d.Messages.Any(which));

    private static bool Is(SentMessage message, int sender, long local) => message.Id == new RequestId(sender, local);
}
