using System.Net;
using Agora.Contracts.Payments;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>The merchant gets a copy of all books while the service runs.</summary>
public sealed class CopyTests : RunningPaymentService
{
    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    private Uri CopyAddress => new(Address, PaymentsHost.CopyPath);

    [Fact]
    public async Task A_copy_answers_as_the_service_did_and_nothing_is_left_of_the_file()
    {
        var service = Connect();
        await service.ChargeAsync("kept", "Ann", Number, "12/30", "123", 1250);
        await service.ChargeAsync("undone", "Ann", Number, "12/30", "123", 700);
        await CancelAsync("undone");
        var place = Directory.CreateDirectory(Path.Combine(DataDirectory, "restored")).FullName;
        Http.DefaultRequestHeaders.Authorization = Merchant.Header;

        await File.WriteAllBytesAsync(
            Path.Combine(place, "payments.db"),
            await Http.GetByteArrayAsync(CopyAddress, CancellationToken),
            CancellationToken
        );
        await service.ChargeAsync("later", "Ann", Number, "12/30", "123", 1);

        using var restored = TransactionStore.Open(place, seed: null, approvalProbability: 1, Clock);
        Assert.Equal(TransactionState.Approved, await restored.FindAsync("kept"));
        Assert.Equal(TransactionState.Cancelled, await restored.FindAsync("undone"));
        Assert.Equal(TransactionState.Unknown, await restored.FindAsync("later"));
        Assert.Equal([new("kept", 1250)], await restored.ApprovedAsync(DateTimeOffset.UnixEpoch));
        Assert.Empty(Directory.GetFiles(DataDirectory, "copy-*"));
    }

    [Fact]
    public async Task Nobody_but_the_merchant_gets_a_copy()
    {
        using var refused = await Http.GetAsync(CopyAddress, CancellationToken);

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }
}
