using Agora.Replication.Raft;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Agora.Replication.Tests;

/// <summary>A disk on which a test can hold up syncs, or have them fail.</summary>
internal sealed class SlowDisk : LogDisk
{
    private volatile TaskCompletionSource? _held;
    private volatile bool _waiting;

    /// <summary>A sync is held up.</summary>
    public bool Waiting => _waiting;

    public IOException? Failure { get; set; }

    public void Hold() => _held = new TaskCompletionSource();

    public void Release() => Interlocked.Exchange(ref _held, null)?.SetResult();

    public override void Sync(SafeFileHandle file, string path)
    {
        if (_held is { } held)
        {
            _waiting = true;
            held.Task.Wait(TestContext.Current.CancellationToken);
            _waiting = false;
        }

        if (Failure is not null)
        {
            throw Failure;
        }

        base.Sync(file, path);
    }
}
