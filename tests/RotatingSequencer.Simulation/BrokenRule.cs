using System.Runtime.CompilerServices;

namespace RotatingSequencer.Simulation;

/// <summary>The observer saw a rule broken.</summary>
internal sealed class BrokenRule(string rule, string how) : Exception($"{rule}: {how}")
{
    public string Rule => rule;

    /// <summary>Throws unless the rule holds; says how it was broken only then.</summary>
    public static void Unless(bool holds, string rule, [InterpolatedStringHandlerArgument(nameof(holds))] ref Explanation how)
    {
        if (!holds)
        {
            throw new BrokenRule(rule, how.ToStringAndClear());
        }
    }

    /// <summary>Text that is put together only when it is needed.</summary>
    [InterpolatedStringHandler]
    internal ref struct Explanation
    {
        private DefaultInterpolatedStringHandler _text;

        public Explanation(int literalLength, int formattedCount, bool holds, out bool isNeeded)
        {
            isNeeded = !holds;
            _text = isNeeded ? new(literalLength, formattedCount) : default;
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public string ToStringAndClear() => _text.ToStringAndClear();
    }
}
