using System.Text.Json;
using System.Text.Json.Serialization;
using Agora.Cluster;

namespace Agora.Launcher;

/// <summary>
/// What has happened in the marketplace, newest last, in memory and in a file of one JSON object a line. Both are
/// bounded. The file outlives this process, and those that show it.
/// </summary>
internal sealed class EventLog
{
    /// <summary>As many are kept.</summary>
    public const int MaxKept = 400;

    /// <summary>A longer file is written anew, with what is kept.</summary>
    public const int MaxFileBytes = 512 * 1024;

    private const int MaxText = 600;

    private readonly string? _path;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly LinkedList<MarketplaceEvent> _events = [];
    private long _number;

    /// <param name="path">The file; null to keep the events in memory only.</param>
    /// <param name="time">The clock.</param>
    public EventLog(string? path, TimeProvider time)
    {
        (_path, _time) = (path, time);
        foreach (var kept in Read(path).TakeLast(MaxKept))
        {
            _events.AddLast(kept with { Number = ++_number });
        }
    }

    /// <summary>Adds an event. If the file cannot be written, the event is kept in memory all the same.</summary>
    public void Add(string kind, string text)
    {
        lock (_gate)
        {
            MarketplaceEvent added = new(
                ++_number,
                _time.GetUtcNow().UtcDateTime,
                kind,
                text.Length <= MaxText ? text : text[..MaxText] + "…"
            );
            _events.AddLast(added);
            if (_events.Count > MaxKept)
            {
                _events.RemoveFirst();
            }

            Write(added);
        }
    }

    /// <summary>The last events, oldest first.</summary>
    public IReadOnlyList<MarketplaceEvent> Last(int count)
    {
        lock (_gate)
        {
            return [.. _events.TakeLast(count)];
        }
    }

    /// <summary>
    /// The events after one that the caller knows, oldest first. All of them, if the log has begun anew since.
    /// </summary>
    public IReadOnlyList<MarketplaceEvent> After(long number)
    {
        lock (_gate)
        {
            return [.. _events.Where(e => number > _number || e.Number > number)];
        }
    }

    private void Write(MarketplaceEvent added)
    {
        if (_path is null)
        {
            return;
        }

        try
        {
            if (LogFiles.Length(_path) > MaxFileBytes)
            {
                // Written whole or not at all.
                File.WriteAllLines(_path + ".new", _events.Select(Line));
                File.Move(_path + ".new", _path, overwrite: true);
            }
            else
            {
                File.AppendAllText(_path, Line(added) + "\n");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The disk is full or gone. What happens to the processes matters more than the log of it.
        }
    }

    private static string Line(MarketplaceEvent one) =>
        JsonSerializer.Serialize(one, EventJson.Default.MarketplaceEvent);

    // Half a line, the last one before the power went, is no event.
    private static List<MarketplaceEvent> Read(string? path)
    {
        List<MarketplaceEvent> events = [];
        try
        {
            foreach (var line in path is not null && File.Exists(path) ? File.ReadLines(path) : [])
            {
                try
                {
                    if (JsonSerializer.Deserialize(line, EventJson.Default.MarketplaceEvent) is { } read)
                    {
                        events.Add(read);
                    }
                }
                catch (JsonException)
                {
                    // The next one may be whole.
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It begins empty.
        }

        return events;
    }
}

/// <summary>The JSON of events.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(MarketplaceEvent))]
[JsonSerializable(typeof(MarketplaceEvent[]))]
[JsonSerializable(typeof(NewEvent))]
internal sealed partial class EventJson : JsonSerializerContext;

/// <summary>An event that a process of ours asks the supervisor to note.</summary>
internal sealed record NewEvent(string Kind, string Text);
