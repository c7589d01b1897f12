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
        if (!DatagramReader.TryOpen(datagram, _incoming, out var reader) || reader.Sender == _self)
        {
            Counters.Malformed++;
            return;
        }

        var from = reader.Sender;
        if (!IsKnownIncarnation(from, reader.Incarnation))
        {
            Counters.OtherIncarnation++;
            return;
        }

        Counters.Datagrams++;
        Counters.From[from]++;
        _lastHeard[from] = now;
        if (_incoming.Locals[_self] > _requests[_self].Contiguous)
        {
            throw new JournalLostException(
                $"Member {from} holds this member's Requests up to {_incoming.Locals[_self]}, "
                    + $"but this member's journal ends at {_requests[_self].Contiguous}: its journal was lost."
            );
        }

        // A member that assigns a number holds all up to it. This one would assign its numbers a second time.
        var own = _incoming.Sequences - ((_incoming.Sequences - _self + _members) % _members);
        if (own > _sequences.Contiguous)
        {
            throw new JournalLostException(
                $"Member {from} holds number {own}, which this member assigned, but this member's journal ends at "
                    + $"{_sequences.Contiguous}: its journal was lost."
            );
        }

        if (_peers[from].Raise(_incoming))
        {
            _seen.Raise(_incoming);
            _probes[from].Attempts = 0;
            _probes[from].Due = 0;
        }

        while (reader.TryNext(out var message))
        {
            switch (message.Kind)
            {
                case MessageKind.Request:
                    OnRequest(message.Id, message.Body);
                    break;
                case MessageKind.Sequence:
                    OnSequence(message.Number, message.Id);
                    break;
                default:
                    OnRetransmit(from, message, now);
                    break;
            }
        }

        Counters.Malformed += reader.Malformed ? 1 : 0;
    }

    private bool IsKnownIncarnation(int from, long incarnation)
    {
        if (_incarnations[from] == 0)
        {
            _incarnations[from] = incarnation;
            if (_options.Journal)
            {
                JournalFormat.WriteIncarnation(Records, from, incarnation);
            }
        }

        // Another incarnation has lost what its predecessor claimed: to believe both would make false majorities.
        return _incarnations[from] == incarnation;
    }

    private void OnRequest(RequestId id, ReadOnlySpan<byte> body)
    {
        // The window also bounds which numbers are believed.
        if (id.Sender == _self || id.Local >= _requests[id.Sender].Limit || body.Length > _body.Length)
        {
            Counters.Ignored++;
            return;
        }

        _seen.Locals[id.Sender] = Math.Max(_seen.Locals[id.Sender], id.Local);
        if (_requests[id.Sender].Knows(id.Local))
        {
            Counters.Duplicates++;
            return;
        }

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
