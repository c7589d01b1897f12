using Agora.Cluster;

namespace Agora.Web.Operations;

/// <summary>Whether one replica hears another, as the matrix shows it.</summary>
/// <param name="Glyph">One character.</param>
/// <param name="Text">Beside it: the round trip, or how long nothing has come.</param>
/// <param name="Style">The class that colours it.</param>
/// <param name="Loss">The share that is lost on the way there; null if not known, or if it is nothing.</param>
/// <param name="Title">The whole in words.</param>
internal readonly record struct LinkView(string Glyph, string Text, string Style, double? Loss, string Title)
{
    // What is under way when the counts are taken looks like loss.
    private const double MinLoss = 0.005;

    /// <summary>What the listener knows of the speaker.</summary>
    public static LinkView Of(Picture picture, ProcessStatus listener, ProcessStatus speaker, DateTime now)
    {
        var cut = picture.Lab?.Links.Any(l => l.IsCut && l.From == speaker.Name && l.To == listener.Name) ?? false;
        var loss =
            picture.Losses.TryGetValue((speaker.Name, listener.Name), out var share) && share >= MinLoss
                ? share
                : (double?)null;
        var lossWords = loss is { } lost ? $", about {Words.Share(lost)} of its datagrams are lost" : "";
        if (!GroupView.IsFresh(listener, now) || listener.Database is not { } database)
        {
            return new("", "?", "off", null, $"{listener.Name} does not say whom it hears");
        }

        if (database.Peers.FirstOrDefault(p => p.Replica == speaker.Replica) is not { } link)
        {
            return new("", "?", "off", null, $"{listener.Name} says nothing of {speaker.Name}");
        }

        var heard = link.HeardMillisecondsAgo is { } ago ? TimeSpan.FromMilliseconds(ago) : (TimeSpan?)null;
        var roundTrip = link.RoundTripMicroseconds is { } micro ? TimeSpan.FromMicroseconds(micro) : (TimeSpan?)null;
        var heardWords = heard is { } time ? $", last {Words.Duration(time)} ago" : "";
        var cutWords = cut ? "; the lab has cut the link" : "";
        return link.Reaches switch
        {
            true => new(
                cut ? "▲" : "●",
                roundTrip is { } there ? Words.Duration(there) : "yes",
                cut ? "between" : "up",
                loss,
                $"{listener.Name} hears {speaker.Name}{heardWords}"
                    + (roundTrip is { } trip ? $", round trip {Words.Duration(trip)}" : "")
                    + lossWords
                    + cutWords
            ),
            false => new(
                "✕",
                heard is { } silence ? Words.Span(silence) : "never",
                "down",
                null,
                $"{listener.Name} does not hear {speaker.Name}{heardWords}{cutWords}"
            ),
            null => new(
                "·",
                roundTrip is { } last ? Words.Duration(last) : "",
                "off",
                null,
                $"{listener.Name} and {speaker.Name} have nothing to say to each other"
                    + (roundTrip is { } asked ? $"; a question took {Words.Duration(asked)}{heardWords}" : "")
            ),
        };
    }
}
