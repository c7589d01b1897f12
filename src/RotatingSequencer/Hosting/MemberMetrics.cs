using System.Diagnostics.Metrics;
using RotatingSequencer.Core;

namespace RotatingSequencer.Hosting;

/// <summary>
/// Publishes a member's counters as the meter <c>RotatingSequencer</c>, as long as the member runs.
/// </summary>
internal sealed class MemberMetrics : IDisposable
{
    private readonly Meter _meter;

    public MemberMetrics(int member, CoreCounters counters, Func<MemberStatus> status)
    {
        _meter = new Meter(new MeterOptions("RotatingSequencer") { Tags = [new("member", member)] });
        Count("datagrams.sent", "Datagrams sent.", () => counters.Sent);
        Count("datagrams.sent.bytes", "Bytes of the datagrams sent.", () => counters.SentBytes);
        Count("journal.syncs", "Times that the journal was synced to disk.", () => counters.Syncs);
        Count(
            "datagrams.send_failures",
            "Datagrams that the system refused to send, or to members whose address is not known.",
            () => counters.SendFailures
        );
        Count("datagrams.received", "Datagrams of the group received.", () => counters.Datagrams);
        Count(
            "datagrams.dropped.unauthentic",
            "Datagrams dropped: their seal is not this group's.",
            () => counters.Unauthentic
        );
        Count(
            "datagrams.dropped.version",
            "Datagrams dropped: they say that they are of another version.",
            () => counters.OtherVersion
        );
        Count(
            "datagrams.dropped.oversized",
            "Datagrams dropped unread: longer than any that a member sends.",
            () => counters.Oversized
        );
        Count("datagrams.dropped.malformed", "Datagrams dropped: of this group, but broken.", () => counters.Malformed);
        Count(
            "datagrams.dropped.life",
            "Datagrams of lives that are not known, whose content was not taken in.",
            () => counters.OtherLife
        );
        Count("messages.requests", "New Requests received.", () => counters.Requests);
        Count("messages.sequences", "New Sequences received.", () => counters.Sequences);
        Count(
            "messages.duplicates",
            "Requests and Sequences received that this member already held.",
            () => counters.Duplicates
        );
        Count(
            "messages.beyond_window",
            "Requests and Sequences received that lie beyond the window.",
            () => counters.Ignored
        );
        Count("retransmissions.asked", "Retransmit requests sent.", () => counters.Asked);
        Count("retransmissions.answered", "Requests and Sequences sent again.", () => counters.AnsweredMessages);
        Count(
            "turns.repeated",
            "Times that a message was repeated, unasked, to the next sequencer.",
            () => counters.Repeated
        );
        _meter.CreateObservableGauge(
            "rotating_sequencer.position.applied",
            () => status().Applied,
            description: "Highest global number that the application has applied."
        );
        _meter.CreateObservableGauge(
            "rotating_sequencer.position.known",
            () => status().Known,
            description: "Highest global number known to be assigned."
        );
    }

    public void Dispose() => _meter.Dispose();

    private void Count(string name, string description, Func<long> read) =>
        _meter.CreateObservableCounter($"rotating_sequencer.{name}", read, description: description);
}
