using System.Globalization;
using System.Text;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation.Plays;

/// <summary>Says in words what a moment is.</summary>
internal static class Sentences
{
    public static string Of(Moment moment, int members)
    {
        var sentences = new List<string>();
        foreach (var group in moment.Events.Where(IsApart).GroupBy(e => e))
        {
            sentences.Add(Of(group.Key, moment.Member, group.Count()));
        }

        List<string> verbs =
        [
            .. Received(moment),
            .. Sent(moment, members),
            .. Delivered(moment),
            .. moment.Events.Contains(MemberEvent.Reads) ? ["lets its client read"] : Array.Empty<string>(),
        ];
        if (verbs.Count > 0)
        {
            sentences.Add($"Member {moment.Member} {Join(verbs)}.");
        }

        var lost = moment.Sent.Where(d => d.IsLost).Select(d => d.To).Distinct().ToList();
        if (lost.Count > 0)
        {
            sentences.Add(
                lost.Count == 1 ? $"On the way to member {lost[0]} it is lost."
                : lost.Count == members - 1 ? "All copies are lost."
                : $"The copies for members {Join([.. lost.Select(Text)])} are lost."
            );
        }

        return sentences.Count > 0
            ? string.Join(' ', sentences)
            : "Claims arrive: members learn how far others hold everything.";
    }

    /// <summary>What a datagram carries, in a few words.</summary>
    public static string Of(SentDatagram datagram)
    {
        if (datagram.Messages.Count == 0)
        {
            return string.Create(CultureInfo.InvariantCulture, $"Claims: holds everything up to {Held(datagram.Held)}");
        }

        return string.Join(", ", datagram.Messages.Select(m => Of(m, datagram.Held)).Distinct());
    }

    /// <summary>A watermark in words.</summary>
    public static string Held(long number) => number < 0 ? "nothing yet" : Text(number);

    /// <summary>The id of a Request.</summary>
    public static string Id(RequestId id) => string.Create(CultureInfo.InvariantCulture, $"({id.Sender},{id.Local})");

    private static string Of(SentMessage message, long held)
    {
        var again = message.IsAgain ? " again" : "";
        return message switch
        {
            { IsRequest: true } => $"Request {Id(message.Id)}{again}",
            { IsSequence: true } => $"Sequence {Text(message.Number)} = {Id(message.Id)}{again}",
            { NamesMissing: true } => $"Retransmit request: {Missing([message])} is missing",
            { Kind: MessageKind.Greeting } => "Greeting: who has started, and what is known of the other",
            { Kind: > MessageKind.Greeting and < MessageKind.Part } =>
                "A new epoch: a proposal, a promise or the decision",
            { Answers: true } => $"Answer: holds everything up to {Held(held)}",
            _ => "Question: how far do you hold everything?",
        };
    }

    private static bool IsApart(MemberEvent what) => what != MemberEvent.Reads;

    private static string Of(MemberEvent what, int member, int count) =>
        what switch
        {
            MemberEvent.Submits => count == 1
                ? $"A client hands member {member} a request."
                : $"Clients hand member {member} {Text(count)} requests.",
            MemberEvent.BeginsToRead => $"A client of member {member} wants to read.",
            MemberEvent.Dies => $"Member {member} is killed. What it has on disk stays.",
            MemberEvent.Starts => $"Member {member} starts with what is on its disk.",
            MemberEvent.Pauses => $"Member {member} stops working for a while. What reaches it waits.",
            _ => $"Member {member} goes on.",
        };

    private static IEnumerable<string> Received(Moment moment)
    {
        var loud = moment
            .Received.SelectMany(d => d.Messages.Select(m => (From: d.From, Message: m)))
            .Where(r => r.Message.IsRequest || r.Message.IsSequence || r.Message.NamesMissing)
            .Select(r => r.Message.NamesMissing ? $"a question of member {r.From}" : Name(r.Message))
            .Distinct()
            .ToList();
        if (loud.Count > 0)
        {
            yield return "receives " + Shorten(loud);
        }
        else if (moment.Received.Count > 0)
        {
            yield return $"hears from {Members([.. moment.Received.Select(d => d.From).Distinct()])}";
        }
    }

    private static IEnumerable<string> Sent(Moment moment, int members)
    {
        var toAll = moment
            .Sent.Where(d => d.IsToAll)
            .SelectMany(d => d.Messages)
            .DistinctBy(m => (m.Kind, m.Id, m.Number))
            .ToList();
        var requests = toAll.Where(m => m.IsRequest).Select(Name).ToList();
        if (requests.Count > 0)
        {
            yield return $"sends {Shorten(requests)} to all";
        }

        foreach (var sequence in toAll.Where(m => m.IsSequence))
        {
            yield return $"assigns number {Text(sequence.Number)} to {Id(sequence.Id)}, and tells all";
        }

        if (toAll.Any(m => m.Asks) && moment.Sent.Count >= members - 1 && requests.Count == 0)
        {
            yield return "asks all how far they hold everything";
        }

        foreach (var alone in moment.Sent.Where(d => !d.IsToAll && d.Messages.Count > 0).GroupBy(d => d.To))
        {
            var messages = alone.SelectMany(d => d.Messages).ToList();
            var again = messages.Where(m => m.IsRequest || m.IsSequence).Select(Name).Distinct().ToList();
            if (again.Count > 0)
            {
                yield return $"sends {Shorten(again)} to member {alone.Key} alone";
            }

            if (messages.Any(m => m.NamesMissing))
            {
                yield return $"asks member {alone.Key} for {Missing(messages)}";
            }
            else if (again.Count == 0)
            {
                yield return messages.Any(m => m.Answers)
                    ? $"answers member {alone.Key}"
                    : $"asks member {alone.Key} how far it holds everything";
            }
        }
    }

    private static IEnumerable<string> Delivered(Moment moment)
    {
        if (moment.Delivered.Count > 0)
        {
            var (first, last) = (moment.Delivered[0].Number, moment.Delivered[^1].Number);
            yield return "delivers "
                + (first == last ? $"number {Text(first)}" : $"numbers {Text(first)} to {Text(last)}")
                + ", which a majority holds";
        }
    }

    private static string Missing(IReadOnlyCollection<SentMessage> messages)
    {
        var names = new List<string>();
        foreach (var range in messages.SelectMany(m => m.Missing))
        {
            var last = range.First + range.Count - 1;
            names.Add(
                range.Sender == MissingRange.Sequences ? $"Sequence {Text(range.First)}"
                : range.Count == 1 ? $"Request {Id(new(range.Sender, range.First))}"
                : $"Requests {Id(new(range.Sender, range.First))} to {Id(new(range.Sender, last))}"
            );
        }

        return Shorten(names);
    }

    private static string Name(SentMessage message) =>
        message.IsRequest ? $"Request {Id(message.Id)}" : $"Sequence {Text(message.Number)}";

    private static string Members(List<int> members) =>
        (members.Count == 1 ? "member " : "members ") + Join([.. members.Select(Text)]);

    /// <summary>The first few, and how many more.</summary>
    private static string Shorten(List<string> names)
    {
        const int Shown = 3;
        return names.Count <= Shown
            ? Join(names)
            : $"{string.Join(", ", names.Take(Shown - 1))} and {Text(names.Count - Shown + 1)} more";
    }

    private static string Join(List<string> parts)
    {
        var text = new StringBuilder();
        for (var i = 0; i < parts.Count; i++)
        {
            text.Append(
                    i == 0 ? ""
                    : i == parts.Count - 1 ? " and "
                    : ", "
                )
                .Append(parts[i]);
        }

        return text.ToString();
    }

    private static string Text(int number) => Text((long)number);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
