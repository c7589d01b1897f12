using RotatingSequencer.Core;
using RotatingSequencer.Journal;

namespace RotatingSequencer.Hosting;

/// <content>How the application's state leaves a member that has it, and comes to one that joins.</content>
internal sealed partial class MemberLoop
{
    /// <summary>Runs <paramref name="capture"/> between two deliveries.</summary>
    public async Task<(ReadOnlyMemory<byte> Header, T Captured)> CaptureAsync<T>(Func<T> capture)
    {
        TaskCompletionSource<(ReadOnlyMemory<byte>, T)> result = new(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        if (_stopping || _application is not { } application || _core.IsJoining)
        {
            throw new MemberStoppedException("This member has no state to copy now.", _failure);
        }

        application.Capture(header =>
        {
            try
            {
                result.TrySetResult((header, capture()));
            }
            catch (Exception e)
            {
                result.TrySetException(e);
            }
        });
        try
        {
            return await result.Task.WaitAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested && !result.Task.IsCanceled)
        {
            throw Stopped();
        }
    }

    /// <summary>Whether Requests and reads can begin; otherwise they wait.</summary>
    private bool IsOpen => _application is not null && !_core.IsJoining;

    private ApplicationThread NewApplication(long applied, JournalState state) =>
        new(_handler, applied, _options.Members.Count, _options.Id, state, _core.FirstLocal, _sleeper.Wake);

    /// <summary>
    /// A member that joins copies the application's state, and goes on with a journal that begins at it. A crash before
    /// that journal is on disk leaves one that fits no state: the next start copies again.
    /// </summary>
    private void CopyState(long now)
    {
        if (_copy.MayBegin(now) && _core.StateHolders is { Count: > 0 } holders)
        {
            _core.BeginCopy();
            _application?.Dispose();
            _application = null;
            _copy.Begin(holders);
        }
        else if (_copy.HasWorkForLoop && _journal is not { IsIdle: false } && _copy.Take(now) is { } header)
        {
            try
            {
                GoOnWith(header);
            }
            catch (InvalidDataException e)
            {
                _log.CopyIsOfNoUse(e.Message);
                // Only what was fetched is at fault. A journal that cannot be written ends the member.
                _copy.Fail(e.Message, now);
            }
        }
    }

    private void GoOnWith(ReadOnlyMemory<byte> header)
    {
        var copied =
            JournalFormat.Read(header.Span, out _)
            ?? throw new InvalidDataException("The header of the copied state is malformed.");
        var applied = _handler.Applied;
        if (applied != copied.Position || copied.DroppedLocals.Length != _options.Members.Count)
        {
            throw new InvalidDataException(
                $"The application has copied the state at {applied}, but its header belongs to {copied.Position}."
            );
        }

        var state = _core.WithCopy(copied);
        _checkpoint.ResetWrittenCount();
        JournalFormat.WriteCheckpoint(_checkpoint, state);
        _journal?.ReplaceNow(_checkpoint);
        _flushAt = _options.MaxJournalGrowth;
        _core = new BroadcastCore(
            _coreOptions with
            {
                StateLost = false,
                FirstToken = Random.Shared.NextInt64(1L << 61),
            },
            state,
            Now
        );
        var application = NewApplication(applied, state);
        _application = application;
        application.Start();
        _log.Copied(applied);
    }
}
