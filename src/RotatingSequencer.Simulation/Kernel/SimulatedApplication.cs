using RotatingSequencer.Core;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Simulation;

/// <summary>
/// The application of one member, and the thread that feeds it. Its position survives a kill; a loss of power takes it
/// back to any position since its last flush.
/// </summary>
internal sealed class SimulatedApplication(int process, int members, RuleObserver observer, Defect defect)
{
    private readonly Queue<DeliveredRequest> _queue = new();
    private readonly List<ReadOnlyMemory<byte>> _payloads = [];
    private Assembler _assembler = new(members);
    private long _position = -1;
    private long _positionAtFlush = -1;

    /// <summary>For each member, the highest local number among what was applied.</summary>
    private long[] _locals = [];

    /// <summary>
    /// Everything up to here is applied; the position is lower if the last numbers completed no payload.
    /// </summary>
    public long Applied { get; private set; } = -1;

    public (long Number, long Position, byte[][] Partial)? Flushed { get; private set; }

    public bool FlushRequested { get; set; }

    /// <summary>Up to here it had applied everything when it began: it ignores what it is handed again.</summary>
    public long Seen { get; private set; } = -1;

    /// <summary>The number that its last effects have.</summary>
    public long Position => _position;

    public bool HasWork => _queue.Count > 0 || (FlushRequested && Flushed is null);

    /// <summary>Another state takes the place of this one; it is durable.</summary>
    public void Put(long position) => _position = _positionAtFlush = position;

    /// <summary>What another member needs besides the state, to go on from it.</summary>
    public JournalState Capture()
    {
        JournalState position = new(process % members, members)
        {
            Dropped = Applied,
            Applied = Applied,
            Position = _position,
            Partial = _assembler.Partial,
        };
        _locals.CopyTo(position.DroppedLocals, 0);
        return position;
    }

    public void Begin(JournalState state)
    {
        _queue.Clear();
        ResumeAfterFlush();
        _locals = [.. state.DroppedLocals];
        foreach (var (number, id) in state.Sequences)
        {
            if (number <= state.Applied)
            {
                _locals[id.Sender] = Math.Max(_locals[id.Sender], id.Local);
            }
        }

        BrokenRule.Unless(
            _position >= state.Position,
            "the application has what the journal no longer holds",
            $"it has {_position}, not {state.Position}"
        );
        _assembler = new Assembler(members);
        _assembler.Restore(state.Partial);
        Seen = defect == Defect.AppliesTwice ? _position - 1 : _position;
        Applied = state.Applied;
        observer.ApplicationGoesOn(process, _position);
    }

    public void Deliver(Queue<DeliveredRequest> deliveries)
    {
        while (deliveries.TryDequeue(out var request))
        {
            _queue.Enqueue(request);
        }
    }

    /// <summary>Does what the thread does next: a flush, if one is requested, otherwise a batch.</summary>
    public void Work(int batch, bool canFlush)
    {
        if (FlushRequested && Flushed is null)
        {
            if (canFlush)
            {
                _positionAtFlush = _position;
                Flushed = (Applied, _position, _assembler.Partial);
            }
            else
            {
                FlushRequested = false;
            }

            return;
        }

        for (; batch > 0 && _queue.TryDequeue(out var request); batch--)
        {
            _payloads.Clear();
            _locals[request.Id.Sender] = request.Id.Local;
            _assembler.Take(request.Id.Sender, request.Body, _payloads);
            if (request.Number > Seen)
            {
                foreach (
                    var payload in _payloads.Skip(
                        defect == Defect.SkipsPayload && request.Number % 50 == process ? 1 : 0
                    )
                )
                {
                    observer.Applies(process, request.Number, request.Id.Sender, payload.Span);
                    _position = request.Number;
                }
            }

            Applied = request.Number;
        }
    }

    public void ResumeAfterFlush()
    {
        Flushed = null;
        FlushRequested = false;
    }

    public void Crash(bool powerLoss, Random random)
    {
        _queue.Clear();
        ResumeAfterFlush();
        if (powerLoss && _position > _positionAtFlush)
        {
            _position = _positionAtFlush + random.NextInt64(_position - _positionAtFlush + 1);
        }
    }
}
