using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Agora.Testing;

/// <summary>A log that keeps its lines, for a test that looks at what was logged. Any thread may write to it.</summary>
internal sealed class RecordedLog : ILogger
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<(LogLevel Level, string Text)> _lines = new();
    private readonly Channel<bool> _added = Channel.CreateUnbounded<bool>();

    /// <summary>The lines up to now, in order.</summary>
    public IReadOnlyList<(LogLevel Level, string Text)> Lines => [.. _lines];

    /// <summary>Their texts.</summary>
    public IReadOnlyList<string> Texts => [.. _lines.Select(line => line.Text)];

    /// <summary>Waits for a line that begins so.</summary>
    /// <exception cref="TimeoutException">None does.</exception>
    public async Task WaitForAsync(string beginning, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_deadline);
        try
        {
            while (!_lines.Any(line => line.Text.StartsWith(beginning, StringComparison.Ordinal)))
            {
                await _added.Reader.ReadAsync(deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"'{beginning}' is not among: {string.Join(" | ", Texts)}");
        }
    }

    /// <inheritdoc/>
    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        _lines.Enqueue((logLevel, formatter(state, exception)));
        _added.Writer.TryWrite(true);
    }

    /// <inheritdoc/>
    public bool IsEnabled(LogLevel logLevel) => true;

    /// <inheritdoc/>
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;
}
