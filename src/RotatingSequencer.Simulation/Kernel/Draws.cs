namespace RotatingSequencer.Simulation;

/// <summary>Draws from a random source.</summary>
internal static class Draws
{
    extension(Random random)
    {
        public bool Chance(double probability) => probability > 0 && random.NextDouble() < probability;

        /// <summary>A value between both; all orders of magnitude are equally likely.</summary>
        public long Between(long min, long max) =>
            Math.Clamp(
                (long)Math.Exp(Math.Log(min) + (random.NextDouble() * (Math.Log(max + 1) - Math.Log(min)))),
                min,
                max
            );

        public T Pick<T>(params ReadOnlySpan<T> choices) => choices[random.Next(choices.Length)];

        /// <summary>0 in some runs, otherwise up to <paramref name="max"/>.</summary>
        public double Sometimes(double probability, double max) =>
            random.Chance(probability) ? max * random.NextDouble() : 0;

        /// <summary>A random time until the next event, for events at this rate per second.</summary>
        public long UntilNext(double rate) => 1 + (long)(-Math.Log(1 - random.NextDouble()) * 1_000_000 / rate);
    }
}
