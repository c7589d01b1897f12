using System.Net.Sockets;
using System.Security.Authentication;

namespace Agora.Replication.Raft;

/// <summary>
/// One lasting connection to another replica, on which it is asked for its view again and again. It is made when it is needed, and made anew after it has broken.
/// </summary>
/// <remarks>A question that is still open when the next one is asked is given up: nobody waits for it any more. Whoever asks has a deadline of his own.</remarks>
/// <param name="connect">Opens a connection that has sent <see cref="ViewWire.Preface"/>.</param>
/// <param name="time">Tells how long a connection has been silent.</param>
internal sealed class ViewLink(Func<CancellationToken, Task<Stream>> connect, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    // A connection on which nothing has come for so long leads nowhere, and TCP may take minutes to say so.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Lock _gate = new();
    private Connection? _connection;
    private TaskCompletionSource<MemberView>? _open;
    private long _asked;        // Number of the latest question,
    private long _written;      // and of the latest that was written.
    private bool _disposed;

    /// <summary>The latest question is unanswered until now, or could not be asked.</summary>
    public bool IsSilent => Volatile.Read(ref _open) is not null;

    /// <summary>The view at some moment after this call.</summary>
    /// <exception cref="IOException">The replica cannot be asked, or is not in the group.</exception>
    public Task<MemberView> AskAsync()
    {
        TaskCompletionSource<MemberView> question = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Connection? writable = null, stuck = null;
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

            if (_connection is not null && time.GetElapsedTime(_connection.SilentSince) > Patience)
            {
                (stuck, _connection) = (_connection, null);
            }

            _asked++;
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
            var stream = await connection.OpenAsync(connect, ConnectTimeout);
            lock (_gate)
            {
                if (_connection != connection)
                {
                    return;
                }

                (connection.Stream, connection.IsWriting) = (stream, true);
            }

            _ = WriteAsync(connection);
            var answer = new byte[ViewWire.AnswerSize];
            while (true)
            {
                await stream.ReadExactlyAsync(answer);
                var (number, view) = ViewWire.ReadAnswer(answer);
                lock (_gate)
                {
                    // An answer to an earlier question was given too early.
                    if (_connection == connection && number == _asked && _open is { } question)
                    {
                        _open = null;
                        question.TrySetResult(view);
                    }
                }
            }
        }
        catch (Exception e) when (IsBreak(e))
        {
            Break(connection, e);
        }
    }

    // One write at a time; where it takes long, those between are left out.
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
                    ViewWire.WriteQuestion(connection.Question, _asked);
                }

                await connection.Stream!.WriteAsync(connection.Question);
            }
        }
        catch (Exception e) when (IsBreak(e))
        {
            Break(connection, e);
        }
    }

    // It stays silent until a later question is answered.
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
        e is IOException or SocketException or AuthenticationException or OperationCanceledException or ObjectDisposedException or InvalidOperationException;

    /// <summary>A connection that is being made, or is there.</summary>
    private sealed class Connection : IDisposable
    {
        private readonly CancellationTokenSource _over = new();

        /// <summary>Null until it may be written to.</summary>
        public Stream? Stream { get; set; }

        public bool IsWriting { get; set; }

        /// <summary>When it was begun, or the first question asked that has been open since; of no meaning while none is.</summary>
        public long SilentSince { get; set; }

        public byte[] Question { get; } = new byte[ViewWire.QuestionSize];

        public async Task<Stream> OpenAsync(Func<CancellationToken, Task<Stream>> connect, TimeSpan timeout)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
            patience.CancelAfter(timeout);
            var stream = await connect(patience.Token);
            _over.Token.Register(stream.Dispose);
            return stream;
        }

        public void Dispose() => _over.Cancel();
    }
}
