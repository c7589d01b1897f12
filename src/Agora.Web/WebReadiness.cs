namespace Agora.Web;

/// <summary>
/// Whether the pages can be served: a buyer server and a seller server answer. Whether those can serve every function
/// they say themselves.
/// </summary>
internal sealed class WebReadiness(Marketplace marketplace)
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(2);

    /// <summary>What does not answer; none if ready.</summary>
    public async Task<string[]> MissingAsync(CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(s_deadline);
        var buyers = marketplace.Buyers.AnyAnswersAsync(deadline.Token);
        var sellers = marketplace.Sellers.AnyAnswersAsync(deadline.Token);
        List<string> missing = [];
        if (!await buyers)
        {
            missing.Add("The buyer servers");
        }

        if (!await sellers)
        {
            missing.Add("The seller servers");
        }

        return [.. missing];
    }
}
