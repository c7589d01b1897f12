using System.Runtime.InteropServices;

namespace Agora.Launcher;

/// <summary>
/// Ctrl-C, SIGTERM or the end of the terminal. The first signal asks for an orderly stop, the second for an immediate
/// one.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _token = new();
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _second = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() =>
        _registrations = [
            .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP, PosixSignal.SIGQUIT }.Select(s =>
                PosixSignalRegistration.Create(s, OnSignal)
            ),
        ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _token.Token;

    /// <summary>Completes with the first signal.</summary>
    public Task First => _first.Task;

    /// <summary>Completes with the second signal.</summary>
    public Task Second => _second.Task;

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!_first.TrySetResult())
        {
            _second.TrySetResult();
        }

        _token.Cancel();
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }

        _token.Dispose();
    }
}
