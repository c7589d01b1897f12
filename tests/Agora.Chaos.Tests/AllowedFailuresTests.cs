using Agora.Evaluation;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Agora.Chaos.Tests;

public sealed class AllowedFailuresTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly AllowedFailures _allowed;

    public AllowedFailuresTests() => _allowed = new(beyond: false, _time);

    [Fact]
    public void Within_the_promises_only_a_purchase_may_fail_and_only_while_payments_are_bad()
    {
        var before = _time.GetTimestamp();
        Assert.False(_allowed.MayFail(MarketplaceFunction.MakePurchase, before));

        _allowed.SetPaymentsBad(bad: true);
        Assert.True(_allowed.MayFail(MarketplaceFunction.MakePurchase, before));
        Assert.False(_allowed.MayFail(MarketplaceFunction.AddItemToCart, before));

        _allowed.SetPaymentsBad(bad: false);
        Assert.True(_allowed.MayFail(MarketplaceFunction.MakePurchase, before));
    }

    [Fact]
    public void A_purchase_that_began_long_after_payments_were_bad_may_not_fail()
    {
        _allowed.SetPaymentsBad(bad: true);
        _time.Advance(TimeSpan.FromSeconds(10));
        _allowed.SetPaymentsBad(bad: false);

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(_allowed.MayFail(MarketplaceFunction.MakePurchase, _time.GetTimestamp()));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(_allowed.MayFail(MarketplaceFunction.MakePurchase, _time.GetTimestamp()));
    }

    [Fact]
    public void A_purchase_may_be_abandoned_only_after_nearly_half_a_minute_or_while_payments_are_bad()
    {
        var invoked = _time.GetTimestamp();
        _time.Advance(TimeSpan.FromSeconds(25));
        Assert.False(_allowed.MayBeAbandoned(invoked));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(_allowed.MayBeAbandoned(invoked));

        Assert.False(_allowed.MayBeAbandoned(_time.GetTimestamp()));
        _allowed.SetPaymentsBad(bad: true);
        Assert.True(_allowed.MayBeAbandoned(_time.GetTimestamp()));
    }

    [Fact]
    public async Task While_this_process_stood_still_any_call_may_fail()
    {
        using CancellationTokenSource ending = new();
        var watch = _allowed.WatchAsync(ending.Token);
        var invoked = _time.GetTimestamp();
        Assert.False(_allowed.MayFail(MarketplaceFunction.AddItemToCart, invoked));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(_allowed.MayFail(MarketplaceFunction.AddItemToCart, invoked));

        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watch);
    }

    [Fact]
    public void Beyond_the_promises_any_call_may_fail() =>
        Assert.True(
            new AllowedFailures(beyond: true, _time).MayFail(MarketplaceFunction.AddItemToCart, _time.GetTimestamp())
        );
}
