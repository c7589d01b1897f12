using System.Globalization;

namespace RotatingSequencer.Simulation;

/// <summary>What happened, as lines. It keeps the last lines; a writer gets all.</summary>
internal sealed class Trace(int keep, TextWriter? writer)
{
    private readonly Queue<string> _lines = new();

    public Func<long> Clock { get; set; } = () => 0;

    public IEnumerable<string> Lines => _lines;

    public void Add(FormattableString line)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Clock() / 1_000.0, 12:F3} ms  {FormattableString.Invariant(line)}"
        );
        writer?.WriteLine(text);
        _lines.Enqueue(text);
        if (_lines.Count > keep)
        {
            _lines.Dequeue();
        }
    }
}
