using System.Buffers;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Hosting;

/// <summary>
/// The thread that waits for the disk, one write at a time: what the loop records meanwhile goes with the next. The
/// loop writes a few records itself.
/// </summary>
internal sealed class JournalThread : IDisposable
{
    /// <summary>
    /// Bytes up to which the loop writes itself. So few mean that the group is nearly idle and somebody waits for just
    /// these; two thread switches would take a third of a sync's time. With more, disk and protocol should work side by
    /// side.
    /// </summary>
    private const int MaxWrittenByLoop = 1_000;

    private readonly JournalFile _file;
    private readonly Action _wakeLoop;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private readonly ArrayBufferWriter<byte> _writing = new();
    private bool _replace;
    private volatile WriteState _state = WriteState.Idle;
    private volatile Exception? _failure;
    private volatile bool _stopping;

    public JournalThread(JournalFile file, Action wakeLoop)
    {
        _file = file;
        _wakeLoop = wakeLoop;
        _thread = new Thread(Run) { Name = "rotating-sequencer journal", IsBackground = true };
    }

    private enum WriteState
    {
        Idle,
        Writing,
        Completed,
    }

    /// <summary>Whether a write can begin; only the loop begins any.</summary>
    public bool IsIdle => _state == WriteState.Idle;

    /// <summary>Whether there is something for the loop: a completed write, or a failure.</summary>
    public bool HasWorkForLoop => _state == WriteState.Completed || _failure is not null;

    /// <summary>Bytes after the checkpoint that the journal begins with; to be read only while idle.</summary>
    public long Growth => _file.Growth;

    public Exception? Failure => _failure;

    public void Start() => _thread.Start();

    /// <summary>
    /// Appends the records: few at once, on the caller's thread; more later, from a copy. Either way
    /// <see cref="TakeCompleted"/> reports when they are on disk.
    /// </summary>
    public void Append(ReadOnlySpan<byte> records)
    {
        if (records.Length > MaxWrittenByLoop)
        {
            StartWrite(records, replace: false);
            return;
        }

        _file.Append(records);
        _state = WriteState.Completed;
    }

    /// <summary>Begins a new journal with the checkpoint.</summary>
    public void Replace(ArrayBufferWriter<byte> checkpoint) => StartWrite(checkpoint.WrittenSpan, replace: true);

    /// <summary>Begins a new journal with the checkpoint, and returns once it is on disk; only while idle.</summary>
    public void ReplaceNow(ArrayBufferWriter<byte> checkpoint) => _file.Replace(checkpoint.WrittenMemory);

    /// <summary>True once for each write that is on disk.</summary>
    public bool TakeCompleted()
    {
        if (_state != WriteState.Completed)
        {
            return false;
        }

        _state = WriteState.Idle;
        return true;
    }

    /// <summary>Ends the thread after the current write.</summary>
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

    private void StartWrite(ReadOnlySpan<byte> bytes, bool replace)
    {
        _writing.ResetWrittenCount();
        _writing.Write(bytes);
        lock (_gate)
        {
            _replace = replace;
            _state = WriteState.Writing;
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
                    _file.Replace(_writing.WrittenMemory);
                }
                else
                {
                    _file.Append(_writing.WrittenSpan);
                }

                _state = WriteState.Completed;
                _wakeLoop();
            }
        }
        catch (Exception exception)
        {
            // What was written is unknown now. Further claims could be false, so the member stops.
            _failure = exception;
            _wakeLoop();
        }
    }

    /// <summary>False at the end, after a write that was started before it.</summary>
    private bool WaitForWrite()
    {
        lock (_gate)
        {
            while (_state != WriteState.Writing && !_stopping)
            {
                Monitor.Wait(_gate);
            }

            return _state == WriteState.Writing;
        }
    }
}
