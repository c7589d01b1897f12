using System.Runtime.CompilerServices;

namespace RotatingSequencer.Simulation;

/// <summary>The observer saw a rule broken.</summary>
internal sealed class BrokenRule(string rule, string how) : Exception($"{rule}: {how}")
{
    public string Rule => rule;

    /// <summary>Throws unless the rule holds. Only then it makes the text that explains how.</summary>
    public static void Unless(
        bool holds,
        string rule,
        [InterpolatedStringHandlerArgument(nameof(holds))] ref LazyText how
    )
    {
        if (!holds)
        {
            throw new BrokenRule(rule, how.ToStringAndClear());
        }
    }

    /// <summary>A text that is made only when it is needed.</summary>
    [InterpolatedStringHandler]
    internal ref struct LazyText
    {
        private DefaultInterpolatedStringHandler _text;

        public LazyText(int literalLength, int formattedCount, bool holds, out bool isNeeded)
        {
            isNeeded = !holds;
            _text = isNeeded ? new(literalLength, formattedCount) : default;
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public string ToStringAndClear() => _text.ToStringAndClear();
    }
}
