using Agora.Contracts.Replication;
using Grpc.Core;

namespace Agora.Replication.Raft;

/// <summary>
/// One lasting call to another replica, on which it is asked for its view again and again. It is made when it is needed, and made anew after it has broken.
/// </summary>
/// <remarks>The call has no deadline; whoever asks has one. A question that is still open when the next one is asked is given up: nobody waits for it any more.</remarks>
internal sealed class ViewStream(Func<RaftPeer.RaftPeerClient> client) : IDisposable
{
    private readonly Lock _gate = new();
    private AsyncDuplexStreamingCall<ViewRequest, ViewReply>? _call;
    private TaskCompletionSource<MemberView>? _open;
    private long _asked;        // Number of the latest question,
    private long _written;      // and of the latest that was written to the call.
    private bool _writing;
    private bool _disposed;

    /// <summary>The latest question is unanswered until now, or could not be asked.</summary>
    public bool IsSilent => Volatile.Read(ref _open) is not null;

    /// <summary>The view at some moment after this call. One caller at a time.</summary>
    /// <exception cref="RpcException">The replica cannot be asked.</exception>
    public Task<MemberView> AskAsync()
    {
        TaskCompletionSource<MemberView> question = new(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _open?.TrySetException(Unavailable("It has not answered."));
            _open = question;
            if (_disposed)
            {
                question.SetException(Unavailable("This replica is stopping."));
                return question.Task;
            }

            _asked++;
            if (_call is null)
            {
                _call = client().GetViews();
                _writing = false;
                _ = ReadAsync(_call);
            }

            if (!_writing)
            {
                _writing = true;
                _ = WriteAsync(_call);
            }
        }

        return question.Task;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _call?.Dispose();
        }
    }

    // One write at a time; where it takes long, those between are left out.
    private async Task WriteAsync(AsyncDuplexStreamingCall<ViewRequest, ViewReply> call)
    {
        try
        {
            while (true)
            {
                lock (_gate)
                {
                    if (_call != call || _written == _asked)
                    {
                        _writing &= _call != call;
                        return;
                    }

                    _written = _asked;
                }

                await call.RequestStream.WriteAsync(new ViewRequest { Number = _written });
            }
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or OperationCanceledException)
        {
            Break(call, e);
        }
    }

    private async Task ReadAsync(AsyncDuplexStreamingCall<ViewRequest, ViewReply> call)
    {
        try
        {
            await foreach (var reply in call.ResponseStream.ReadAllAsync())
            {
                lock (_gate)
                {
                    // An answer to an earlier question was given too early.
                    if (reply.Number == _asked && _open is { } question)
                    {
                        _open = null;
                        question.TrySetResult(new MemberView(reply.Term, reply.HasPosition ? reply.Position : null));
                    }
                }
            }

            Break(call, null);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or OperationCanceledException)
        {
            Break(call, e);
        }
    }

    // It stays silent until a later question is answered.
    private void Break(AsyncDuplexStreamingCall<ViewRequest, ViewReply> call, Exception? reason)
    {
        lock (_gate)
        {
            if (_call == call)
            {
                _call = null;
                _open?.TrySetException(Unavailable(reason?.Message ?? "It has ended the call."));
            }
        }

        call.Dispose();
    }

    private static RpcException Unavailable(string reason) => new(new Status(StatusCode.Unavailable, reason));
}
