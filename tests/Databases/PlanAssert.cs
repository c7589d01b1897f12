using Xunit;

namespace Agora.Testing;

internal static class PlanAssert
{
    /// <summary>
    /// No statement that the database has prepared reads a whole table or sorts rows, but for one that may sort.
    /// </summary>
    public static void Indexed(DatabaseUnderTest db, string? mayBeSorted)
    {
        var plans = db.Plans().ToList();
        Assert.NotEmpty(plans);
        Assert.All(
            plans,
            plan =>
            {
                Assert.DoesNotContain("|SCAN ", plan, StringComparison.Ordinal);
                Assert.True(
                    !plan.Contains("TEMP B-TREE", StringComparison.Ordinal)
                        || (mayBeSorted is not null && plan.Contains(mayBeSorted, StringComparison.Ordinal)),
                    plan
                );
            }
        );
    }
}
