using System.Buffers;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Hosting;

/// <summary>
/// The thread that waits for the disk, one write at a time: what the loop records meanwhile goes with the next. A few records the loop
/// writes by itself.
/// </summary>
internal sealed class JournalThread : IDisposable
{
    /// <summary>
    /// Bytes. So few mean that the group is nearly idle and somebody waits for just these: to hand them over and to be woken again takes a
    /// third of a sync's time. When more come together, the disk and the protocol had better work side by side.
    /// </summary>
    private const int MaximumAtOnce = 1_000;

    private readonly JournalFile _file;
    private readonly Action _wakeLoop;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private readonly ArrayBufferWriter<byte> _writing = new();
    private bool _replace;
    private volatile State _state = State.Idle;
    private volatile Exception? _failure;
    private volatile bool _stopping;

    public JournalThread(JournalFile file, Action wakeLoop)
    {
        _file = file;
        _wakeLoop = wakeLoop;
        _thread = new Thread(Run) { Name = "rotating-sequencer journal", IsBackground = true };
    }

    private enum State
    {
        Idle,
        Writing,
        Completed,
    }

    /// <summary>Whether a write can be given; only the loop gives any.</summary>
    public bool IsIdle => _state == State.Idle;

    /// <summary>Whether the loop has something to take.</summary>
    public bool HasNews => _state == State.Completed || _failure is not null;

    /// <summary>Bytes behind the checkpoint that the journal begins with; to be read while idle.</summary>
    public long Growth => _file.Growth;

    public Exception? Failure => _failure;

    public void Start() => _thread.Start();

    /// <summary>Appends the records: a few at once, by the caller; more later, from a copy. Either way <see cref="TakeCompleted"/> tells when they are on disk.</summary>
    public void Append(ReadOnlySpan<byte> records)
    {
        if (records.Length > MaximumAtOnce)
        {
            Give(records, replace: false);
            return;
        }

        _file.Append(records);
        _state = State.Completed;
    }

    /// <summary>Begins a new journal with the checkpoint.</summary>
    public void Replace(ArrayBufferWriter<byte> checkpoint) => Give(checkpoint.WrittenSpan, replace: true);

    /// <summary>True once for each write that is on disk.</summary>
    public bool TakeCompleted()
    {
        if (_state != State.Completed)
        {
            return false;
        }

        _state = State.Idle;
        return true;
    }

    /// <summary>Ends the thread after the write under way.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
        _file.Dispose();
    }

    private void Give(ReadOnlySpan<byte> bytes, bool replace)
    {
        _writing.ResetWrittenCount();
        _writing.Write(bytes);
        lock (_gate)
        {
            _replace = replace;
            _state = State.Writing;
            Monitor.Pulse(_gate);
        }
    }

    private void Run()
    {
        try
        {
            while (WaitForWrite())
            {
                if (_replace)
                {
                    _file.Replace(_writing.WrittenSpan);
                }
                else
                {
                    _file.Append(_writing.WrittenSpan);
                }

                _state = State.Completed;
                _wakeLoop();
            }
        }
        catch (Exception exception)
        {
            // What was written is unknown now: claiming anything more would be a lie, so the member stops.
            _failure = exception;
            _wakeLoop();
        }
    }

    /// <summary>False at the end, which comes after the write that was given before.</summary>
    private bool WaitForWrite()
    {
        lock (_gate)
        {
            while (_state != State.Writing && !_stopping)
            {
                Monitor.Wait(_gate);
            }

            return _state == State.Writing;
        }
    }
}
