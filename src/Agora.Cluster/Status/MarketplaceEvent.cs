namespace Agora.Cluster;

/// <summary>Something that happened in the marketplace; the log of events keeps it.</summary>
/// <param name="Number">Its place in the log, ascending.</param>
/// <param name="At">When it happened or was seen, in UTC.</param>
/// <param name="Kind">One of <see cref="EventKinds"/>.</param>
/// <param name="Text">What happened, as a sentence for people.</param>
public sealed record MarketplaceEvent(long Number, DateTime At, string Kind, string Text);
