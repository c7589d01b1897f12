using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Agora.Web.Operations;

namespace Agora.Web.Tests.Operations;

/// <summary>A control room whose pictures a test chooses, and that notes what it is asked to do.</summary>
internal sealed class FakeRoom : IControlRoom
{
    private readonly Lock _gate = new();
    private readonly List<Channel<Picture>> _watchers = [];
    private Picture? _picture;

    public ConcurrentQueue<string> Acts { get; } = [];

    public ActAnswer Answer { get; set; } = new(true, "done");

    public LogTail? Log { get; set; }

    public int Watchers
    {
        get
        {
            lock (_gate)
            {
                return _watchers.Count;
            }
        }
    }

    /// <summary>Shows a picture to all who watch, and to all who look from now on; null for none.</summary>
    public void Show(Picture? picture)
    {
        lock (_gate)
        {
            _picture = picture;
            foreach (var watcher in picture is null ? [] : _watchers)
            {
                watcher.Writer.TryWrite(picture!);
            }
        }
    }

    public Task<Picture> LookAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _picture is null ? Task.FromException<Picture>(new TimeoutException()) : Task.FromResult(_picture);
        }
    }

    public async IAsyncEnumerable<Picture> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var channel = Channel.CreateUnbounded<Picture>();
        lock (_gate)
        {
            _watchers.Add(channel);
            if (_picture is not null)
            {
                channel.Writer.TryWrite(_picture);
            }
        }

        try
        {
            await foreach (var picture in channel.Reader.ReadAllAsync(cancellationToken))
            {
                yield return picture;
            }
        }
        finally
        {
            lock (_gate)
            {
                _watchers.Remove(channel);
            }
        }
    }

    public Task<ActAnswer> ActAsync(ProcessAct act, string process, CancellationToken cancellationToken) =>
        Note($"{act} {process}");

    public Task<ActAnswer> ActAsync(NetworkAct act, CancellationToken cancellationToken) =>
        Note(FormattableString.Invariant($"network {act.Loss} {act.Delay?.TotalMilliseconds} {act.Cut} {act.Heal}"));

    public Task<ActAnswer> DemonstrateAsync(DemonstrationKind kind, CancellationToken cancellationToken) =>
        Note($"demonstrate {kind}");

    public Task<LogTail?> LogAsync(string process, CancellationToken cancellationToken) =>
        Task.FromResult(Log?.Process == process ? Log : null);

    private Task<ActAnswer> Note(string act)
    {
        Acts.Enqueue(act);
        return Task.FromResult(Answer);
    }
}
