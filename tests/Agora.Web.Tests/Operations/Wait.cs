namespace Agora.Web.Tests.Operations;

/// <summary>Waits for a condition, never for a time.</summary>
internal static class Wait
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    public static async Task UntilAsync(string what, Func<bool> condition)
    {
        using var bound = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        bound.CancelAfter(s_timeout);
        while (!condition())
        {
            if (bound.IsCancellationRequested)
            {
                Assert.Fail($"still not so: {what}");
            }

            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }
}
