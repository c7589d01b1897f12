using System.Globalization;

namespace RotatingSequencer.Simulation.Plays;

/// <summary>What a page says about a play in words, beside its picture.</summary>
public static class PlayViews
{
    /// <summary>Most messages in a list.</summary>
    private const int MaxMessages = 60;

    /// <summary>The messages that are sent in a step, and those that are still under way.</summary>
    public static IReadOnlyList<MessageView> MessagesOf(Play play, PlayStep step)
    {
        ArgumentNullException.ThrowIfNull(play);
        ArgumentNullException.ThrowIfNull(step);
        var first = step.Index == 0 ? 0 : play.Steps[step.Index - 1].End + 1;
        return
        [
            .. play
                .Recording.Datagrams.Where(d =>
                    d.Moment.Index <= step.End && (d.Moment.Index >= first || IsUnderWay(d, step.ShownAt))
                )
                .TakeLast(MaxMessages)
                .Select(d => View(d, step.ShownAt)),
        ];
    }

    /// <summary>One message; null when the play has no such message up to this step.</summary>
    public static MessageView? MessageOf(Play play, PlayStep step, int id)
    {
        ArgumentNullException.ThrowIfNull(play);
        ArgumentNullException.ThrowIfNull(step);
        return
            id < play.Recording.Datagrams.Count && play.Recording.Datagrams[id] is var d && d.Moment.Index <= step.End
            ? View(d, step.ShownAt)
            : null;
    }

    /// <summary>All members at a step.</summary>
    public static IReadOnlyList<MemberView> MembersOf(Play play, PlayStep step)
    {
        ArgumentNullException.ThrowIfNull(play);
        ArgumentNullException.ThrowIfNull(step);
        var moment = play.MomentOf(step);
        return
        [
            .. moment.States.Select(
                (state, member) =>
                    new MemberView(
                        member,
                        !state.IsUp ? "down"
                            : state.IsPaused ? "paused"
                            : moment.Numbers % play.Members == member ? $"has the turn: number {Text(moment.Numbers)}"
                            : "works",
                        state.IsUp,
                        Text(state.Held),
                        Text(state.Stable),
                        Text(state.Delivered),
                        Text(state.Dropped)
                    )
            ),
        ];
    }

    /// <summary>An intervention in words.</summary>
    public static string Describe(Play play, Intervention intervention)
    {
        ArgumentNullException.ThrowIfNull(play);
        var at = string.Create(CultureInfo.InvariantCulture, $" at {intervention.At / 1_000.0:0.###} ms");
        if (!intervention.IsToMessage)
        {
            return intervention.Kind switch
            {
                InterventionKind.Pause => $"Member {intervention.Target} pauses{at}",
                InterventionKind.Kill => $"Member {intervention.Target} is killed{at}",
                _ => $"Member {intervention.Target} starts{at}",
            };
        }

        var what = NameOf(play, intervention.Target);
        return intervention.Kind switch
        {
            InterventionKind.Lose => $"Lost: {what}",
            InterventionKind.Double => $"Doubled: {what}",
            _ => $"Delayed: {what}",
        };
    }

    private static string NameOf(Play play, int message)
    {
        if (message >= play.Recording.Datagrams.Count)
        {
            return $"message {Text(message)}, which this play does not have";
        }

        var datagram = play.Recording.Datagrams[message];
        return $"{Sentences.Of(datagram)}, from {Text(datagram.From)} to {Text(datagram.To)}";
    }

    internal static string Text(long number) => number < 0 ? "–" : number.ToString(CultureInfo.InvariantCulture);

    private static bool IsUnderWay(SentDatagram datagram, long at) => datagram.Arrivals.Any(arrival => arrival > at);

    private static MessageView View(SentDatagram datagram, long at) =>
        new(
            datagram.Id,
            datagram.From,
            datagram.To,
            Sentences.Of(datagram),
            datagram.IsLost ? "lost"
                : IsUnderWay(datagram, at) ? "under way"
                : datagram is { IsMissed: true, Read: null } ? "reached nobody"
                : "arrived",
            datagram.IsLost
        );
}
