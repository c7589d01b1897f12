using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <summary>
/// Datagrams that come in: they are checked and taken apart, and each message goes to the part that it is for. What
/// counts only within an epoch is ignored where it comes from another one, or while this member has promised one.
/// </summary>
internal sealed class Inbox(
    CoreOptions options,
    Membership membership,
    Peers peers,
    Intake intake,
    RetransmitAnswers answers,
    PeerLives lives,
    Proposals proposals,
    Epochs epochs,
    CoreCounters counters
)
{
    /// <summary>The claims of the datagram.</summary>
    private readonly Claims _claims = new(options.Members);

    /// <summary>Takes a datagram whose seal was good. Malformed ones are counted and dropped.</summary>
    public void Receive(ReadOnlySpan<byte> datagram, long now)
    {
        if (!DatagramReader.TryOpen(datagram, _claims, out var reader) || reader.Sender == options.Self)
        {
            counters.Malformed++;
            return;
        }

        var from = reader.Sender;
        var peer = peers[from];
        var isKnown = reader.Life == peer.Life.Id;
        // What a member says, and what it claims to hold, is of the lives that it listens to. It counts only if this
        // start of this member is one of them.
        var hearsMe = isKnown && reader.LivesHeard == peer.Life.HearsMeAt;
        // Claims of another incarnation, or of another epoch, may be void here: to believe them would make false
        // majorities.
        var counts = hearsMe && IsOfView(from, reader.Epoch) && membership.View.Number > 0 && !reader.Joins;
        counters.Datagrams++;
        counters.From[from]++;
        counters.OtherLife += isKnown ? 0 : 1;
        if (isKnown)
        {
            peer.LastHeard = now;
        }

        // That an epoch was decided is true whichever process says so, as long as it is of this group: it lives now.
        var isPresent = isKnown;
        if (counts && !membership.IsFrozen)
        {
            intake.TakeClaims(from, _claims);
        }

        while (reader.TryNext(out var message))
        {
            switch (message.Kind)
            {
                case MessageKind.Greeting:
                    isPresent |= lives.TakeGreeting(from, reader.Life, message.Greeting, _claims.Held, now);
                    isKnown = reader.Life == peer.Life.Id;
                    hearsMe = isKnown && reader.LivesHeard == peer.Life.HearsMeAt;
                    break;
                case MessageKind.Prepare when isKnown:
                    proposals.TakePrepare(from, EpochMessages.ReadPrepare(message.Encoded, options.Members), now);
                    break;
                case MessageKind.Promise when isKnown:
                    proposals.TakePromise(from, EpochMessages.ReadPromise(message.Encoded, options.Members));
                    break;
                case MessageKind.Install when isPresent:
                    epochs.TakeInstall(EpochMessages.ReadInstall(message.Encoded, options.Members), hearsMe);
                    break;
                case MessageKind.Request when counts && !membership.IsFrozen:
                    intake.TakeRequest(message.Id, message.Body);
                    break;
                case MessageKind.Part when counts && !membership.IsFrozen:
                    intake.TakePart(message);
                    break;
                case MessageKind.Sequence when counts && !membership.IsFrozen:
                    intake.TakeSequence(message.Number, message.Id);
                    break;
                case MessageKind.Retransmit when isKnown:
                    var isOfView = IsOfView(from, reader.Epoch) && !membership.IsFrozen;
                    answers.Take(from, message, isOfView, reader.Joins, _claims.Held, now);
                    break;
                default:
                    counters.Ignored++;
                    break;
            }
        }

        counters.Malformed += reader.Malformed && isKnown ? 1 : 0;
        if (!hearsMe)
        {
            lives.AskWhoItIs(from, now);
        }
    }

    /// <summary>Whether a datagram is of this member's view: of its epoch, and of a life that it counts on.</summary>
    private bool IsOfView(int member, long epoch) => epoch == membership.View.Number && membership.IsOfView(member);
}
