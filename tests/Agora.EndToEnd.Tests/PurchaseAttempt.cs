using Agora.Client;
using Xunit;

namespace Agora.EndToEnd.Tests;

/// <summary>How a purchase goes, if nothing fails.</summary>
internal enum PurchaseWay
{
    Approved,
    Declined,
    OutOfStock,
}

/// <summary>The step of a purchase before which its server stops.</summary>
internal sealed record StopPoint(PurchaseWay Way, string Step)
{
    public override string ToString() => $"{Way} before {Step}";
}

/// <summary>A purchase whose server stops itself at a point of it.</summary>
internal sealed record PurchaseAttempt(
    StopPoint Point,
    string Item,
    string Key,
    BuyerClient Buyer,
    BuyerClient Elsewhere,
    Uri Driver
) : IDisposable
{
    private readonly CancellationTokenSource _givenUp = CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken
    );

    /// <summary>
    /// The purchase's id, or the code of the refusal; empty if the user has given up before there was an answer.
    /// </summary>
    public Task<string> Answered { get; private set; } = Task.FromResult("");

    public void Begin() => Answered = BuyAsync();

    public Task GiveUpAsync() => _givenUp.CancelAsync();

    public async Task RepeatAsync()
    {
        var first = await Answered;
        var again = await PurchaseCrashTests.BuyAsync(Elsewhere, Key);
        Assert.True(first.Length == 0 || first == again, $"{Point}: first {first}, then {again}");
    }

    public void Dispose()
    {
        Buyer.Dispose();
        Elsewhere.Dispose();
        _givenUp.Dispose();
    }

    // One attempt at the server that will stop. If it fails it is repeated elsewhere, as our clients do.
    private async Task<string> BuyAsync()
    {
        using var oneTry = CancellationTokenSource.CreateLinkedTokenSource(_givenUp.Token);
        using BuyerClient driver = new(
            [Driver],
            new ReplicaOptions
            {
                Deadline = RunningMarketplace.Timeout,
                AttemptTimeout = RunningMarketplace.Timeout / 2,
                OnChange = _ => oneTry.Cancel(),
            }
        )
        {
            Token = Buyer.Token,
        };
        try
        {
            return (await driver.MakePurchaseAsync(PurchaseCrashTests.Card("Ada Buyer"), Key, oneTry.Token)).PurchaseId;
        }
        catch (AgoraException e)
        {
            return e.Code;
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            return _givenUp.IsCancellationRequested ? "" : await PurchaseCrashTests.BuyAsync(Elsewhere, Key);
        }
    }
}
