using System.Runtime.InteropServices;
using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <content>What the members send and receive.</content>
internal sealed partial class RuleObserver
{
    /// <summary>Most questions in quick succession to the same member for the same message.</summary>
    private const int MaxQuestions = 20;

    private void ForgetQuestions(int member)
    {
        foreach (var question in _asked.Keys.Where(q => q.Member == member).ToList())
        {
            _asked.Remove(question);
        }
    }

    /// <summary>A datagram reached a member's core. Without a journal its messages are held from now on.</summary>
    public void Receives(int member, ReadOnlySpan<byte> datagram, long now)
    {
        if (!DatagramReader.TryOpen(datagram, _claims, out var reader) || reader.Sender == IdOf(member))
        {
            return;
        }

        _lastHeard[member][reader.Sender] = now;
        var holdings = _holdings[member];
        while (reader.TryNext(out var message))
        {
            if (message.Kind is > MessageKind.Retransmit and < MessageKind.Part)
            {
                // It is about epochs.
            }
            else if (message.Kind == MessageKind.Retransmit)
            {
                if (message.Answer >= _firstQuestion[member] && message.Answer <= _lastQuestion[member])
                {
                    _answered[member][reader.Sender] = Math.Min(_answered[member][reader.Sender], now);
                }
            }
            else if (_setup.Journal)
            {
                // It is held once it is on disk.
            }
            else if (message.Kind == MessageKind.Request)
            {
                holdings.Requests[message.Id.Sender].Add(message.Id.Local);
            }
            else if (message.Kind == MessageKind.Part)
            {
                if (IsWhole(member, message))
                {
                    holdings.Requests[message.Id.Sender].Add(message.Id.Local);
                }
            }
            else
            {
                holdings.Sequences.Add(message.Number);
            }
        }

        Advance(member);
    }

    /// <summary>
    /// A member sends a datagram. Its messages come before its claims: without a journal, a sent message is a held
    /// one.
    /// </summary>
    public void Sends(int member, int to, ReadOnlySpan<byte> datagram, long now)
    {
        BrokenRule.Unless(
            datagram.Length + Seal.Length <= _setup.MaxDatagram,
            "a datagram is no longer than allowed",
            $"member {member} sends {datagram.Length} B"
        );
        BrokenRule.Unless(
            DatagramReader.TryOpen(datagram, _claims, out var reader),
            "datagrams are well formed",
            $"member {member} sends garbage"
        );
        if (_view[member] != reader.Epoch)
        {
            _view[member] = reader.Epoch;
            ForgetQuestions(member);
        }

        if (IsPast(member))
        {
            return;
        }

        var self = IdOf(member);
        while (reader.TryNext(out var message))
        {
            CheckThatItIsForAll(member, to, message);
            switch (message.Kind)
            {
                case MessageKind.Request when message.Id.Sender == self:
                    SendsOwnRequest(member, message.Id, message.Body);
                    break;
                case MessageKind.Request:
                    History.CheckBody(message.Id, message.Body);
                    break;
                case MessageKind.Part when message.Id.Sender == self:
                    SendsOwnPart(member, message);
                    break;
                case MessageKind.Part:
                    History.CheckPart(message.Id, message.Part * PartLength, message.Total, message.Body);
                    break;
                case MessageKind.Sequence when message.Number % _setup.Members == self && !reader.Joins:
                    SendsOwnSequence(member, message.Number, message.Id);
                    break;
                case MessageKind.Sequence:
                    History.CheckSequence(message.Number, message.Id);
                    break;
                case > MessageKind.Retransmit:
                    break;
                default:
                    CheckMissing(member, to, message, reader.Joins, now);
                    break;
            }
        }

        BrokenRule.Unless(!reader.Malformed, "datagrams are well formed", $"member {member} sends a malformed message");
        if (!reader.Joins)
        {
            _claimed[member].Raise(_claims);
        }
    }

    /// <summary>Only new messages go to all; an answer goes to the asker alone.</summary>
    private void CheckThatItIsForAll(int member, int to, in Message message)
    {
        var self = IdOf(member);
        var isNew = message.Kind switch
        {
            MessageKind.Request => message.Id.Sender == self && message.Id.Local > _sentToAll[member].Locals[self],
            MessageKind.Sequence => message.Number % _setup.Members == self
                && message.Number > _sentToAll[member].Sequences,
            MessageKind.Retransmit => message.Missing.IsEmpty,
            MessageKind.Part => message.Id.Sender == self
                && (message.Id.Local, message.Part).CompareTo((_sentToAll[member].Locals[self], _lastPart[member])) > 0,
            _ => false,
        };
        BrokenRule.Unless(
            to != Outbox.All || isNew,
            "an answer goes to the asker only",
            $"member {member} sends {message.Kind} {message.Number} {message.Id} to all again"
        );
        if (to == Outbox.All && message.Kind is MessageKind.Request or MessageKind.Part)
        {
            _sentToAll[member].Locals[self] = message.Id.Local;
            _lastPart[member] = message.Part;
        }
        else if (to == Outbox.All && message.Kind == MessageKind.Sequence)
        {
            _sentToAll[member].Sequences = message.Number;
        }
    }

    private int PartLength => RequestParts.LengthOf(_setup.MaxDatagram, _setup.Members);

    /// <summary>Whether a member without a journal has all parts of a Request, now that it has this one.</summary>
    private bool IsWhole(int member, in Message message)
    {
        ref var have = ref CollectionsMarshal.GetValueRefOrAddDefault(_parts, (member, message.Id), out _);
        have |= 1L << message.Part;
        return have == RequestParts.All(message.Total, PartLength);
    }

    /// <summary>
    /// Without a journal a Request becomes known with the last of its parts, which its sender sends in their order.
    /// </summary>
    private void SendsOwnPart(int member, in Message message)
    {
        var id = message.Id;
        if (History.RequestsOf(id.Sender) > id.Local)
        {
            History.CheckPart(id, message.Part * PartLength, message.Total, message.Body);
            SendsOwn(member, id);
            return;
        }

        var body = _unsent[member];
        BrokenRule.Unless(
            !_setup.Journal && message.Part * PartLength == body.Count,
            "a member sends what is on disk",
            $"member {member} sends part {message.Part} of Request {id}"
        );
        body.AddRange(message.Body);
        if (body.Count == message.Total)
        {
            SendsOwnRequest(member, id, CollectionsMarshal.AsSpan(body));
            body.Clear();
        }
    }

    private void SendsOwnRequest(int member, RequestId id, ReadOnlySpan<byte> body)
    {
        History.OwnRequest(id.Sender, id.Local, body);
        SendsOwn(member, id);
    }

    private void SendsOwn(int member, RequestId id)
    {
        var isNew = id.Local > _claimed[member].Locals[id.Sender];
        var own = _holdings[member].Requests[id.Sender];
        if (_setup.Journal)
        {
            BrokenRule.Unless(
                own.Contains(id.Local),
                "a member sends what is on disk",
                $"member {member} sends Request {id} before it is"
            );
        }

        own.Add(id.Local);
        for (var m = 0; isNew && m < _setup.Members; m++)
        {
            // What the incarnation before had under way comes on top of that.
            var window = _copied[member] < 0 ? _setup.Window : 2 * _setup.Window;
            var ahead =
                id.Local
                - History.NumberedUpTo(
                    id.Sender,
                    Math.Min(Math.Max(MostHeldBy(m), _lost[m] ?? -1), History.Numbers - 1)
                );
            BrokenRule.Unless(
                ahead < window,
                "a window bounds how far the group runs ahead",
                $"{id} is {ahead} ahead of what {m} holds"
            );
        }
    }

    /// <summary>Rule 1.</summary>
    private void SendsOwnSequence(int member, long number, RequestId id)
    {
        var holdings = _holdings[member];
        BrokenRule.Unless(
            holdings.Held >= number - 1 && holdings.Requests[id.Sender].Contains(id.Local),
            "rule 1(a)",
            $"member {member} sends Sequence {number} = {id} but holds everything only up to {holdings.Held}"
        );
        var isNew = number == History.Numbers;
        History.OwnSequence(IdOf(member), number, id);
        if (isNew)
        {
            CheckFairness(number, id.Sender);
        }

        if (_setup.Journal)
        {
            BrokenRule.Unless(
                holdings.Sequences.Contains(number),
                "a member sends what is on disk",
                $"member {member} sends Sequence {number} before it is"
            );
        }

        holdings.Sequences.Add(number);
        Advance(member);
    }

    private void CheckMissing(int member, int to, in Message message, bool joins, long now)
    {
        if (message.Ask != 0)
        {
            _firstQuestion[member] = Math.Min(_firstQuestion[member], message.Ask);
            _lastQuestion[member] = message.Ask;
        }

        var missing = message.Missing;
        while (MissingRange.TryRead(ref missing, _setup.Members, out var range))
        {
            var sequences = range.Sender == MissingRange.Sequences;
            var exist = sequences ? History.Numbers : History.RequestsOf(range.Sender);
            // In an earlier epoch there may be more, which a later one has made void.
            BrokenRule.Unless(
                range.First + range.Count <= exist || _view[member] < (History.Epoch?.Number ?? 0),
                "only what exists is asked for",
                $"member {member} asks for {range}"
            );
            // A member that joins lets go of what an earlier epoch left, before its disk does. Without a journal the
            // books also count messages that the member ignored at a full window.
            var held = sequences ? _holdings[member].Sequences : _holdings[member].Requests[range.Sender];
            for (var i = range.First; i < range.First + range.Count; i++)
            {
                BrokenRule.Unless(
                    !_setup.Journal || joins || !held.Contains(i),
                    "only what is missing is asked for",
                    $"member {member} holds {i} of {range}"
                );
                var owner = sequences ? (int)(i % _setup.Members) : range.Sender;
                ref var asked = ref CollectionsMarshal.GetValueRefOrAddDefault(
                    _asked,
                    (member, to, range.Sender, i),
                    out var before
                );
                // Before the first answer the timeout is a guess; and questions to another holder follow the owner's
                // round trip.
                var isKnown = 2 * _setup.Delay <= 500 || (to == owner && asked.Last > _answered[member][to]);
                BrokenRule.Unless(
                    !before || !isKnown || now - asked.Last >= 2 * _setup.Delay,
                    "never asked twice within a round trip",
                    $"member {member} asks {to} for {i} of {range} after {now - asked.Last} µs"
                );
                var answered = to != Outbox.All && _lastHeard[member][to] > asked.Last;
                asked = before && !answered ? asked with { Last = now, Count = asked.Count + 1 } : new(now, now, 1);
                BrokenRule.Unless(
                    asked.Count <= MaxQuestions + ((now - asked.First) / 200_000),
                    "a member that does not answer is asked less and less often",
                    $"member {member} asks {to} for {i} of {range} the {asked.Count}th time "
                        + $"since {now - asked.First} µs"
                );
            }
        }
    }

    private readonly record struct QuestionSpan(long First, long Last, int Count);

    /// <summary>
    /// A Request that every sequencer could choose gets a number before another member gets more than a few.
    /// </summary>
    private void CheckFairness(long number, int served)
    {
        for (var s = 0; s < _setup.Members; s++)
        {
            var first = History.NumberedUpTo(s, number);
            if (s == served || _heard.Any(process => !_holdings[process].Requests[s].Contains(first)))
            {
                _couldBeServedFrom[s] = number + 1;
            }

            BrokenRule.Unless(
                number - _couldBeServedFrom[s] < 2 * _setup.Members,
                "among several Requests the choice is fair",
                $"the next of {s} was everywhere from number {_couldBeServedFrom[s]}, "
                    + $"and {number} still went to {served}"
            );
        }
    }
}
