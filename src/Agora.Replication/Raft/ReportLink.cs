using System.Net.Sockets;
using System.Security.Authentication;

namespace Agora.Replication.Raft;

/// <summary>
/// One lasting connection to another replica, on which this one asks for its report again and again. It is made when it
/// is needed, and made anew after it has broken.
/// </summary>
/// <remarks>
/// A question that is still open when the next one is asked fails: no caller waits for it any more. Callers have
/// deadlines of their own.
/// </remarks>
/// <param name="connect">Opens a connection that has sent <see cref="ReportWire.Preface"/>.</param>
/// <param name="time">Measures how long a connection has been silent.</param>
internal sealed class ReportLink(Func<CancellationToken, Task<Stream>> connect, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(1);

    // A connection that has been silent for this long is dead, and TCP may take minutes to say so.
    private static readonly TimeSpan s_silenceTimeout = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private Connection? _connection;
    private TaskCompletionSource<TermReport>? _open;
    private long _asked; // Number of the latest question,
    private long _written; // and of the latest that was written.
    private bool _disposed;
    private long _askedAt;
    private long _answeredAt;
    private TimeSpan? _roundTrip;

    /// <summary>How long ago the last answer came, and how long it had taken; null if none has come.</summary>
    public (TimeSpan? Ago, TimeSpan? RoundTrip) LastAnswer
    {
        get
        {
            lock (_gate)
            {
                return _roundTrip is null ? default : (time.GetElapsedTime(_answeredAt), _roundTrip);
            }
        }
    }

    /// <summary>The latest question is not answered yet, or could not be asked.</summary>
    public bool IsSilent => Volatile.Read(ref _open) is not null;

    /// <summary>What the other replica knows at some moment after this call.</summary>
    /// <exception cref="IOException">The replica cannot be asked, or is not in the group.</exception>
    public Task<TermReport> AskAsync()
    {
        TaskCompletionSource<TermReport> question = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Connection? writable = null,
            stuck = null;
        lock (_gate)
        {
            if (_open is null && _connection is not null)
            {
                _connection.SilentSince = time.GetTimestamp();
            }

            _open?.TrySetException(new IOException("It has not answered."));
            _open = question;
            if (_disposed)
            {
                question.SetException(new IOException("This replica is stopping."));
                return question.Task;
            }

            if (_connection is not null && time.GetElapsedTime(_connection.SilentSince) > s_silenceTimeout)
            {
                (stuck, _connection) = (_connection, null);
            }

            _asked++;
            _askedAt = time.GetTimestamp();
            if (_connection is null)
            {
                _connection = new Connection { SilentSince = time.GetTimestamp() };
                _ = RunAsync(_connection);
            }
            else if (_connection is { Stream: not null, IsWriting: false })
            {
                _connection.IsWriting = true;
                writable = _connection;
            }
        }

        stuck?.Dispose();
        if (writable is not null)
        {
            _ = WriteAsync(writable);
        }

        return question.Task;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _connection?.Dispose();
        }
    }

    private async Task RunAsync(Connection connection)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            var stream = await connection.OpenAsync(connect, s_connectTimeout);
            lock (_gate)
            {
                if (_connection != connection)
                {
                    return;
                }

                (connection.Stream, connection.IsWriting) = (stream, true);
            }

            _ = WriteAsync(connection);
            var answer = new byte[ReportWire.AnswerSize];
            while (true)
            {
                await stream.ReadExactlyAsync(answer);
                var (number, report) = ReportWire.ReadAnswer(answer);
                lock (_gate)
                {
                    // An answer to an earlier question may have been given before this one was asked.
                    if (_connection == connection && number == _asked && _open is { } question)
                    {
                        _open = null;
                        _answeredAt = time.GetTimestamp();
                        _roundTrip = time.GetElapsedTime(_askedAt, _answeredAt);
                        question.TrySetResult(report);
                    }
                }
            }
        }
        catch (Exception e) when (IsBreak(e))
        {
            Break(connection, e);
        }
    }

    // One write at a time. While it takes long, only the latest question is kept.
    private async Task WriteAsync(Connection connection)
    {
        try
        {
            while (true)
            {
                lock (_gate)
                {
                    if (_connection != connection || _written == _asked)
                    {
                        connection.IsWriting = false;
                        return;
                    }

                    _written = _asked;
                    ReportWire.WriteQuestion(connection.Question, _asked);
                }

                await connection.Stream!.WriteAsync(connection.Question);
            }
        }
        catch (Exception e) when (IsBreak(e))
        {
            Break(connection, e);
        }
    }

    // The replica counts as silent until it answers a later question.
    private void Break(Connection connection, Exception reason)
    {
        lock (_gate)
        {
            if (_connection == connection)
            {
                _connection = null;
                _open?.TrySetException(new IOException($"It cannot be asked: {reason.Message}", reason));
            }
        }

        connection.Dispose();
    }

    private static bool IsBreak(Exception e) =>
        e
            is IOException
                or SocketException
                or AuthenticationException
                or OperationCanceledException
                or ObjectDisposedException
                or InvalidOperationException;

    /// <summary>A connection that is being made, or is there.</summary>
    private sealed class Connection : IDisposable
    {
        private readonly CancellationTokenSource _over = new();

        /// <summary>Null until it may be written to.</summary>
        public Stream? Stream { get; set; }

        public bool IsWriting { get; set; }

        /// <summary>
        /// When it was begun, or when the first of the questions that are open since was asked. Without meaning while
        /// no question is open.
        /// </summary>
        public long SilentSince { get; set; }

        public byte[] Question { get; } = new byte[ReportWire.QuestionSize];

        public async Task<Stream> OpenAsync(Func<CancellationToken, Task<Stream>> connect, TimeSpan timeout)
        {
            using var attempt = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
            attempt.CancelAfter(timeout);
            var stream = await connect(attempt.Token);
            _over.Token.Register(stream.Dispose);
            return stream;
        }

        public void Dispose() => _over.Cancel();
    }
}
