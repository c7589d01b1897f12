using System.Diagnostics;
using System.Net.Sockets;
using Agora.Cluster;
using Microsoft.Extensions.Logging;
using RotatingSequencer;

namespace Agora.Replication.Broadcast;

/// <summary>
/// This replica's life as a member of the broadcast group. A member whose journal is damaged, lost, or older than what
/// the others know of it cannot go on with it: the journal is set aside, and the replica joins the group again with the
/// state of another replica. It needs no command for that, and no new process.
/// </summary>
internal sealed class MemberLife(DatabaseGroup group, MemberOptions options, IDeliveryHandler handler, ILogger logger)
    : IAsyncDisposable
{
    // A journal that is lost again at once is a fault that joining does not cure. It is tried again, but in no hurry.
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_maxPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_goodRun = TimeSpan.FromMinutes(1);

    private readonly string _journal = options.JournalDirectory!;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private volatile Member? _current;
    private Task _life = Task.CompletedTask;

    /// <summary>The member; null while its journal is set aside, and before the start.</summary>
    public Member? Current => _current;

    /// <summary>Completes when the member was stopped; faults when it cannot go on, with what an operator can
    /// fix.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Starts the member, with its journal or without.</summary>
    /// <exception cref="FixableException">The journal or the port cannot be used.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _current = await OpenAsync(cancellationToken);
        _life = Task.Run(LiveAsync, CancellationToken.None);
    }

    /// <summary>Stops the member.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_current is { } member)
        {
            await member.DisposeAsync();
        }

        await _life;
        _completion.TrySetResult();
    }

    private async Task LiveAsync()
    {
        try
        {
            var pause = TimeSpan.Zero;
            for (var begun = Stopwatch.GetTimestamp(); ; begun = Stopwatch.GetTimestamp())
            {
                try
                {
                    await _current!.Completion;
                    _completion.TrySetResult();
                    return;
                }
                catch (Exception e) when (IsLoss(e))
                {
                    _current = null;
                    pause =
                        Stopwatch.GetElapsedTime(begun) > s_goodRun || pause == TimeSpan.Zero ? s_firstPause
                        : pause * 2 < s_maxPause ? pause * 2
                        : s_maxPause;
                    await Task.Delay(pause, _stop.Token);
                    SetAside(e);
                    _current = await OpenAsync(_stop.Token);
                    if (_stop.IsCancellationRequested)
                    {
                        await _current.DisposeAsync();
                    }
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            _completion.TrySetResult();
        }
        catch (Exception e)
        {
            _completion.TrySetException(Explain(e));
        }
    }

    private async Task<Member> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            try
            {
                return await Member.StartAsync(options, handler, cancellationToken);
            }
            catch (Exception e) when (IsLoss(e))
            {
                SetAside(e);
                return await Member.StartAsync(options, handler, cancellationToken);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Explain(e);
        }
    }

    // Only where another replica can give the state back.
    private bool IsLoss(Exception e) =>
        options.FetchState is not null && e is JournalLostException or JournalDamagedException;

    private void SetAside(Exception reason)
    {
        var place = Member.SetAsideJournal(_journal, reason.Message) ?? throw Explain(reason);
        // Their names begin with the time. Only the newest stay: a disk that fails again and again must not fill up.
        foreach (
            var oldest in Directory
                .GetDirectories(Path.GetDirectoryName(place)!)
                .OrderDescending(StringComparer.Ordinal)
                .Skip(Replication.SetAside.MaxKept)
        )
        {
            Directory.Delete(oldest, recursive: true);
        }

        logger.LogWarning(
            "{Reason} The journal is kept in {Directory}, and this replica joins its group again",
            reason.Message,
            place
        );
    }

    /// <summary>What an operator can fix, as far as that is the cause; the exception itself where it is not.</summary>
    private Exception Explain(Exception e) =>
        e switch
        {
            FixableException => e,
            MemberReplacedException => new FixableException(
                _journal,
                e.Message.TrimEnd('.'),
                "End the other process, or move this directory away: only one may have it",
                e
            ),
            JournalLostException or JournalDamagedException or InvalidDataException => new FixableException(
                _journal,
                e.Message.TrimEnd('.'),
                ReplicaAdvice.ForLog(group, Path.GetDirectoryName(_journal)!),
                e
            ),
            SocketException => new FixableException(
                $"UDP port {options.Members[options.Id]}",
                $"replica {options.Id} cannot listen there ({e.Message})",
                "End the program that does, or give another port in the cluster file",
                e
            ),
            IOException or UnauthorizedAccessException => FileFault.Of(_journal, e),
            _ => e,
        };
}
