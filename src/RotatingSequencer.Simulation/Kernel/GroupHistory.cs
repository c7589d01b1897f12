using RotatingSequencer.Wire;

namespace RotatingSequencer.Simulation;

/// <summary>
/// Everything that the group has sent, as it was sent first: the one content of each Request, the one Request of each
/// number, and the one order of payloads that every application must see.
/// </summary>
internal sealed class GroupHistory
{
    private readonly List<byte[]>[] _bodies;
    private readonly List<RequestId> _numbers = [];
    private readonly List<long[]> _numberedUpTo = [];
    private readonly long[] _numbered;
    private readonly List<(long Number, int Sender, byte[] Payload)> _order = [];
    private readonly Queue<SubmittedPayload>[] _submitted;
    private readonly int[] _lives;

    /// <param name="members">How many the group has.</param>
    /// <param name="processes">How many processes there may be; member m has those that are m modulo members.</param>
    public GroupHistory(int members, int processes)
    {
        _bodies = [.. Enumerable.Range(0, members).Select(_ => new List<byte[]>())];
        _submitted = [.. Enumerable.Range(0, members).Select(_ => new Queue<SubmittedPayload>())];
        _numbered = new long[members];
        _lives = new int[processes];
    }

    /// <summary>How many numbers are assigned.</summary>
    public int Numbers => _numbers.Count;

    /// <summary>Payloads that some application has seen.</summary>
    public int Ordered => _order.Count;

    /// <summary>Requests that have no number yet.</summary>
    public int WithoutNumber => _bodies.Sum(b => b.Count) - _numbers.Count;

    public int RequestsOf(int member) => _bodies[member].Count;

    /// <summary>Requests that have no number yet, at most so many.</summary>
    public IEnumerable<RequestId> WithoutNumberYet(int max)
    {
        for (var s = 0; s < _bodies.Length && max > 0; s++)
        {
            for (var local = _numbered[s]; local < _bodies[s].Count && max > 0; local++, max--)
            {
                yield return new(s, local);
            }
        }
    }

    /// <summary>The latest epoch that any member has entered.</summary>
    public Epoch? Epoch { get; private set; }

    /// <summary>
    /// A member has entered an epoch. The first that does makes void what lies above the cut; that was delivered
    /// nowhere.
    /// </summary>
    public void Enter(Epoch epoch, long deliveredAnywhere)
    {
        if (Epoch is { } known && epoch.Number <= known.Number)
        {
            BrokenRule.Unless(
                epoch.Number < known.Number
                    || (
                        epoch.Cut == known.Cut
                        && epoch.Incarnations.AsSpan().SequenceEqual(known.Incarnations)
                        && epoch.Locals.AsSpan().SequenceEqual(known.Locals)
                    ),
                "an epoch is the same at all members",
                $"epoch {epoch.Number} has two cuts: {known.Cut} and {epoch.Cut}"
            );
            return;
        }

        BrokenRule.Unless(
            epoch.Cut >= deliveredAnywhere && epoch.Cut < _numbers.Count,
            "a cut keeps what was delivered, and invents nothing",
            $"epoch {epoch.Number} cuts at {epoch.Cut}; delivered is {deliveredAnywhere} of {_numbers.Count}"
        );
        for (var m = 0; m < _bodies.Length; m++)
        {
            _numbered[m] = NumberedUpTo(m, epoch.Cut);
            BrokenRule.Unless(
                epoch.Locals[m] == _numbered[m] - 1,
                "a cut says which Requests have numbers",
                $"epoch {epoch.Number} says {epoch.Locals[m]} of member {m}, not {_numbered[m] - 1}"
            );
            if (Epoch is { } before && before.Incarnations[m] != epoch.Incarnations[m])
            {
                var kept = (int)_numbered[m];
                _bodies[m].RemoveRange(kept, _bodies[m].Count - kept);
            }
        }

        var numbers = (int)epoch.Cut + 1;
        _numbers.RemoveRange(numbers, _numbers.Count - numbers);
        _numberedUpTo.RemoveRange(numbers, _numberedUpTo.Count - numbers);
        Epoch = epoch;
    }

    /// <summary>
    /// A member goes on with an older copy of its journal, in which nobody living misses anything: what only it had is
    /// gone.
    /// </summary>
    public void Forget(int member, Claims claims)
    {
        var last = _numbers.Count - 1;
        if (last > claims.Sequences && last % _bodies.Length == member)
        {
            _numbered[_numbers[last].Sender]--;
            _numbers.RemoveAt(last);
            _numberedUpTo.RemoveAt(last);
        }

        var kept = (int)Math.Max(claims.Locals[member] + 1, _numbered[member]);
        _bodies[member].RemoveRange(kept, Math.Max(0, _bodies[member].Count - kept));
    }

    /// <summary>Whether a Request is as its sender has sent it.</summary>
    public bool IsRequest(RequestId id, ReadOnlySpan<byte> body) =>
        id.Local < _bodies[id.Sender].Count && body.SequenceEqual(_bodies[id.Sender][(int)id.Local]);

    /// <summary>Whether a number is that of a Request.</summary>
    public bool IsSequence(long number, RequestId id) => number < _numbers.Count && _numbers[(int)number] == id;

    public RequestId IdOf(long number) => _numbers[(int)number];

    /// <summary>How many Requests of a member have a number up to <paramref name="number"/>.</summary>
    public long NumberedUpTo(int member, long number) => number < 0 ? 0 : _numberedUpTo[(int)number][member];

    public void Submit(int process, byte[] payload) =>
        _submitted[process % _submitted.Length].Enqueue(new(payload, process, _lives[process]));

    /// <summary>
    /// Records the death of a process. What it had not made durable may be lost, and its submitters learned that it
    /// stopped.
    /// </summary>
    public void Crash(int process) => _lives[process]++;

    /// <summary>
    /// Records a member's own Request, once it is sent or durable. Local numbers have no gap and are used once.
    /// </summary>
    public void OwnRequest(int member, long local, ReadOnlySpan<byte> body)
    {
        if (local < _bodies[member].Count)
        {
            CheckBody(new(member, local), body);
            return;
        }

        BrokenRule.Unless(
            local == _bodies[member].Count,
            "own local numbers go up by one",
            $"member {member} went on with {local} after {_bodies[member].Count - 1}"
        );
        _bodies[member].Add(body.ToArray());
    }

    /// <summary>Checks a part of a Request, from <paramref name="start"/> on.</summary>
    public void CheckPart(RequestId id, int start, int total, ReadOnlySpan<byte> part)
    {
        var known = id.Local < _bodies[id.Sender].Count;
        BrokenRule.Unless(known, "nothing is invented", $"Request {id} turned up, but its sender never sent it");
        var body = _bodies[id.Sender][(int)id.Local];
        BrokenRule.Unless(
            total == body.Length && part.SequenceEqual(body.AsSpan(start, part.Length)),
            "one Request for each local number",
            $"Request {id} has two contents"
        );
    }

    public void CheckBody(RequestId id, ReadOnlySpan<byte> body)
    {
        var known = id.Local < _bodies[id.Sender].Count;
        BrokenRule.Unless(known, "nothing is invented", $"Request {id} turned up, but its sender never sent it");
        BrokenRule.Unless(
            body.SequenceEqual(_bodies[id.Sender][(int)id.Local]),
            "one Request for each local number",
            $"Request {id} has two contents"
        );
    }

    /// <summary>
    /// Records a member's own Sequence, once it is sent or durable. It checks rule 1(b), the right owner, one Request
    /// for each number, and one number for each Request.
    /// </summary>
    public void OwnSequence(int member, long number, RequestId id)
    {
        BrokenRule.Unless(
            number % _submitted.Length == member,
            "member k mod n assigns number k",
            $"member {member} assigned {number}"
        );
        if (number < _numbers.Count)
        {
            CheckSequence(number, id);
            return;
        }

        BrokenRule.Unless(
            number == _numbers.Count,
            "rule 1(a)",
            $"member {member} assigned {number}, but only {_numbers.Count} numbers exist"
        );
        BrokenRule.Unless(
            id.Local == _numbered[id.Sender],
            "rule 1(b)",
            $"number {number} is assigned to {id}, but that member's first without a number is {_numbered[id.Sender]}"
        );
        BrokenRule.Unless(
            id.Local < _bodies[id.Sender].Count,
            "nothing is invented",
            $"number {number} is assigned to {id}, which its sender never sent"
        );
        _numbered[id.Sender]++;
        _numbers.Add(id);
        _numberedUpTo.Add([.. _numbered]);
    }

    public void CheckSequence(long number, RequestId id)
    {
        BrokenRule.Unless(
            number < _numbers.Count,
            "nothing is invented",
            $"Sequence {number} turned up, but its owner never sent it"
        );
        BrokenRule.Unless(
            _numbers[(int)number] == id,
            "one Request for each number",
            $"number {number} is assigned to {_numbers[(int)number]} and to {id}"
        );
    }

    /// <summary>How many payloads an application has seen whose position is <paramref name="number"/>.</summary>
    public int OrderedUpTo(long number)
    {
        var (low, high) = (0, _order.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _order[middle].Number <= number ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>
    /// Checks the next payload of some application: it is the same for all, and in FIFO order of its sender.
    /// </summary>
    public void Applies(int member, int index, long number, int sender, ReadOnlySpan<byte> payload)
    {
        if (index < _order.Count)
        {
            var expected = _order[index];
            BrokenRule.Unless(
                expected.Number == number && expected.Sender == sender && payload.SequenceEqual(expected.Payload),
                "all deliver the same in the same order, without gap or duplicate",
                $"member {member} delivers number {number} of {sender} ({payload.Length} B) where others delivered "
                    + $"{expected.Number} of {expected.Sender} ({expected.Payload.Length} B)"
            );
            return;
        }

        BrokenRule.Unless(
            _order.Count == 0 || _order[^1].Number <= number,
            "deliveries go up",
            $"member {member} delivers {number} after {(_order.Count == 0 ? -1 : _order[^1].Number)}"
        );
        _order.Add((number, sender, TakeSubmitted(number, sender, payload)));
    }

    /// <summary>
    /// The payload that is delivered is the next of a process of its sender. What a process had submitted before it
    /// died may be missing; and of two processes, each has an order of its own.
    /// </summary>
    private byte[] TakeSubmitted(long number, int sender, ReadOnlySpan<byte> payload)
    {
        List<SubmittedPayload> before = [];
        SubmittedPayload found = default;
        while (found.Payload is null)
        {
            BrokenRule.Unless(
                _submitted[sender].TryDequeue(out var submission),
                "nothing is invented or altered, and each sender's payloads come in order",
                $"number {number} delivers {payload.Length} B of member {sender} that are not its next payload"
            );
            if (payload.SequenceEqual(submission.Payload))
            {
                found = submission;
            }
            else if (submission.Life == _lives[submission.Process])
            {
                before.Add(submission);
            }
        }

        var passedOver = before.FindIndex(submission => submission.Process == found.Process);
        BrokenRule.Unless(
            passedOver < 0,
            "nothing is lost or altered, and each sender's payloads come in order",
            $"number {number} delivers {payload.Length} B of member {sender}, "
                + $"but its next payload has {(passedOver < 0 ? 0 : before[passedOver].Payload.Length)} B"
        );
        if (before.Count > 0)
        {
            _submitted[sender] = new Queue<SubmittedPayload>(before.Concat(_submitted[sender]));
        }

        return found.Payload;
    }

    /// <summary>Checks that everything submitted since each member's last crash was delivered.</summary>
    public void CheckNothingWasLost()
    {
        for (var m = 0; m < _submitted.Length; m++)
        {
            var lost = _submitted[m].Count(s => s.Life == _lives[s.Process]);
            BrokenRule.Unless(
                lost == 0,
                "everything submitted is delivered",
                $"{lost} payloads of member {m} were not"
            );
        }
    }

    private readonly record struct SubmittedPayload(byte[] Payload, int Process, int Life);
}
