using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Agora.Servers.Tests;

/// <summary>Stores log lines with their scopes.</summary>
internal sealed class WatchedLog : ILoggerProvider, ISupportExternalScope
{
    private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

    public ConcurrentQueue<(LogLevel Level, string Category, string Text, string Scopes)> Lines { get; } = [];

    public ILogger CreateLogger(string categoryName) => new WatchedLogger(this, categoryName);

    public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

    public void Dispose() { }

    private sealed class WatchedLogger(WatchedLog log, string name) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => log._scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var scopes = new List<string>();
            log._scopes.ForEachScope((scope, all) => all.Add($"{scope}"), scopes);
            log.Lines.Enqueue(
                (logLevel, name, $"{formatter(state, exception)} {exception}", string.Join(" | ", scopes))
            );
        }
    }
}
