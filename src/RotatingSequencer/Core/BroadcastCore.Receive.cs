using System.Buffers;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Core;

/// <content>
/// What comes in: datagrams are checked and taken apart; their messages are held, and recorded in the journal.
/// </content>
internal sealed partial class BroadcastCore
{
    /// <summary>Takes a datagram whose seal was good. Malformed ones are counted and dropped.</summary>
    /// <exception cref="ProtocolViolationException">The datagram shows that the group's rules were broken.</exception>
    public void Receive(ReadOnlySpan<byte> datagram, long now)
    {
        if (!_lifeDurable)
        {
            // An answer would come from a start that the disk does not know of.
            return;
        }

        if (!DatagramReader.TryOpen(datagram, _incoming, out var reader) || reader.Sender == _self)
        {
            Counters.Malformed++;
            return;
        }

        var from = reader.Sender;
        var isKnown = reader.Life == _lives[from].Life;
        // Claims of another incarnation, or of another epoch, may be void here: to believe them would make false
        // majorities.
        var counts = isKnown && reader.Epoch == _view.Number && _view.Number > 0 && IsOfView(from) && !reader.Joins;
        Counters.Datagrams++;
        Counters.From[from]++;
        Counters.OtherLife += isKnown ? 0 : 1;
        if (isKnown)
        {
            _lastHeard[from] = now;
        }

        if (counts && !IsFrozen)
        {
            TakeClaims(from);
        }

        while (reader.TryNext(out var message))
        {
            switch (message.Kind)
            {
                case MessageKind.Greeting:
                    OnGreeting(from, reader.Life, message.Greeting, now);
                    isKnown = reader.Life == _lives[from].Life;
                    break;
                case MessageKind.Prepare when isKnown:
                    OnPrepare(from, EpochMessages.ReadPrepare(message.Encoded, _members), now);
                    break;
                case MessageKind.Promise when isKnown:
                    OnPromise(from, EpochMessages.ReadPromise(message.Encoded, _members));
                    break;
                case MessageKind.Install when isKnown:
                    OnInstall(EpochMessages.ReadInstall(message.Encoded, _members));
                    break;
                case MessageKind.Request when counts && !IsFrozen:
                    OnRequest(message.Id, message.Body);
                    break;
                case MessageKind.Part when counts && !IsFrozen:
                    OnPart(message);
                    break;
                case MessageKind.Sequence when counts && !IsFrozen:
                    OnSequence(message.Number, message.Id);
                    break;
                case MessageKind.Retransmit when isKnown:
                    OnRetransmit(from, message, reader.Joins, reader.Epoch, now);
                    break;
                default:
                    Counters.Ignored++;
                    break;
            }
        }

        Counters.Malformed += reader.Malformed && isKnown ? 1 : 0;
        if (!isKnown)
        {
            AskWhoItIs(from, now);
        }
    }

    private void TakeClaims(int from)
    {
        if (!IsJoining)
        {
            CheckOwn(from);
        }

        if (_peers[from].Raise(_incoming))
        {
            _seen.Raise(_incoming);
            _probes[from].Attempts = 0;
            _probes[from].Due = 0;
        }
    }

    /// <summary>Nobody can hold what only this member sends and does not hold.</summary>
    private void CheckOwn(int from)
    {
        if (_incoming.Locals[_self] > _requests[_self].Contiguous)
        {
            throw new JournalLostException(
                $"Member {from} holds this member's Requests up to {_incoming.Locals[_self]}, "
                    + $"but this member's journal ends at {_requests[_self].Contiguous}: its journal was lost."
            );
        }

        // A member that assigns a number holds all up to it. This one would assign its numbers a second time.
        var own = _incoming.Sequences - ((_incoming.Sequences - _self + _members) % _members);
        if (own > _sequences.Contiguous && own > _view.Cut)
        {
            throw new JournalLostException(
                $"Member {from} holds number {own}, which this member assigned, but this member's journal ends at "
                    + $"{_sequences.Contiguous}: its journal was lost."
            );
        }
    }

    private void OnRequest(RequestId id, ReadOnlySpan<byte> body)
    {
        if (IsMissing(id, body.Length))
        {
            Take(id, body);
        }
    }

    /// <summary>Whether a Request is one that this member may hold, and does not.</summary>
    private bool IsMissing(RequestId id, int length)
    {
        // The window also bounds which numbers are believed.
        var isOwn = id.Sender == _self && !(IsJoining && id.Local <= _view.Locals[_self]);
        if (isOwn || id.Local >= _requests[id.Sender].Limit || length > _body.Length)
        {
            Counters.Ignored++;
            return false;
        }

        _seen.Locals[id.Sender] = Math.Max(_seen.Locals[id.Sender], id.Local);
        if (_requests[id.Sender].Knows(id.Local))
        {
            Counters.Duplicates++;
            return false;
        }

        return true;
    }

    private void Take(RequestId id, ReadOnlySpan<byte> body)
    {
        Counters.Requests++;
        Hold(id, body);
        if (_options.Journal)
        {
            JournalFormat.WriteRequest(Records, id, body);
        }
    }

    private void OnSequence(long number, RequestId id)
    {
        if (number >= _sequences.Limit || id.Local >= _requests[id.Sender].Limit)
        {
            Counters.Ignored++;
            return;
        }

        if (_sequences.Knows(number))
        {
            Counters.Duplicates++;
            if (_sequences.Holds(number) && _sequences[number].Id != id)
            {
                throw new ProtocolViolationException(
                    $"Number {number} is assigned to {_sequences[number].Id} and to {id}."
                );
            }

            return;
        }

        _seen.Sequences = Math.Max(_seen.Sequences, number);
        _seen.Locals[id.Sender] = Math.Max(_seen.Locals[id.Sender], id.Local);
        Counters.Sequences++;
        Hold(number, id);
        if (_options.Journal)
        {
            JournalFormat.WriteSequence(Records, number, id);
        }
    }

    private void Hold(RequestId id, ReadOnlySpan<byte> body)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(body.Length);
        body.CopyTo(buffer);
        if (!_requests[id.Sender].TryAdd(id.Local, new HeldRequest { Buffer = buffer, Length = body.Length }))
        {
            ArrayPool<byte>.Shared.Return(buffer);
            return;
        }

        AdvanceReceived();
    }

    private void Hold(long number, RequestId id)
    {
        var before = _sequences.Contiguous;
        _sequences.TryAdd(number, new HeldSequence { Id = id });
        for (var k = before + 1; k <= _sequences.Contiguous; k++)
        {
            var named = _sequences[k].Id;
            if (named.Local != _numbered[named.Sender] + 1)
            {
                throw new ProtocolViolationException(
                    $"Number {k} is assigned to {named}, but the next of member {named.Sender} is "
                        + $"{_numbered[named.Sender] + 1}."
                );
            }

            _numbered[named.Sender] = named.Local;
        }

        AdvanceReceived();
    }

    private void AdvanceReceived()
    {
        while (Received < _sequences.Contiguous)
        {
            var id = _sequences[Received + 1].Id;
            if (!_requests[id.Sender].Holds(id.Local))
            {
                return;
            }

            Received++;
        }
    }
}
