using System.Net;
using System.ServiceModel;
using System.Text;
using Agora.Contracts.Payments;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Agora.Payments.Tests;

/// <summary>What the operations decide, as a client of System.ServiceModel and the merchant see them.</summary>
public sealed class PaymentOperationTests : RunningPaymentService
{
    [Fact]
    public async Task A_client_of_System_ServiceModel_charges_finds_and_cancels()
    {
        var service = Connect();
        Assert.Equal(TransactionState.Unknown, await service.FindAsync("t"));
        Assert.Equal(
            TransactionState.Approved,
            await service.ChargeAsync("t", "Ann Ödegård <a&b>", Number, "12/30", "123", 1250)
        );
        Assert.Equal(TransactionState.Approved, await service.FindAsync("t"));
        Assert.Equal(TransactionState.Cancelled, await CancelAsync("t"));
        Assert.Equal(TransactionState.Declined, await service.ChargeAsync("t", "Ann", Number, "12/30", "123", 1250));
    }

    /// <summary>Buyer servers accept a hundred characters, and what they accept must not be malformed here.</summary>
    [Fact]
    public async Task A_name_of_a_hundred_characters_of_any_script_is_good() =>
        Assert.Equal(
            TransactionState.Approved,
            await Connect().ChargeAsync("t", string.Concat(Enumerable.Repeat("🙂", 100)), Number, "12/30", "123", 1)
        );

    [Theory]
    [InlineData("", "Ann", Number, "12/30", "123", 1, "transactionId")]
    [InlineData("t", " ", Number, "12/30", "123", 1, "cardholderName")]
    [InlineData("t", "Ann", "4111111111111112", "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", "41111111111", "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", "4111 1111 1111 1111", "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", null, "12/30", "123", 1, "cardNumber")]
    [InlineData("t", "Ann", Number, "06/26", "123", 1, "expirationDate")]
    [InlineData("t", "Ann", Number, "12/30", "12", 1, "securityCode")]
    [InlineData("t", "Ann", Number, "12/30", "12a", 1, "securityCode")]
    [InlineData("t", "Ann", Number, "12/30", "123", 0, "amountInCents")]
    public async Task What_is_malformed_is_a_fault_that_names_the_field_and_decides_nothing(
        string id,
        string name,
        string? number,
        string expiration,
        string code,
        long cents,
        string field
    )
    {
        var service = Connect();
        var fault = await Assert.ThrowsAsync<FaultException<CardFault>>(() =>
            service.ChargeAsync(id, name, number!, expiration, code, cents)
        );
        Assert.Equal(field, fault.Detail.Field);
        Assert.Contains(fault.Detail.Reason, fault.Message, StringComparison.Ordinal);
        if (id.Length > 0)
        {
            Assert.Equal(TransactionState.Unknown, await service.FindAsync(id));
        }
    }

    [Fact]
    public async Task A_repeat_gets_its_first_answer_though_the_card_has_expired_meanwhile()
    {
        var service = Connect();
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann", Number, "07/26", "123", 1));
        Clock.Advance(TimeSpan.FromDays(40));
        Assert.Equal(TransactionState.Approved, await service.ChargeAsync("t", "Ann", Number, "07/26", "123", 1));
        await Assert.ThrowsAsync<FaultException<CardFault>>(() =>
            service.ChargeAsync("u", "Ann", Number, "07/26", "123", 1)
        );
    }

    [Fact]
    public async Task No_detail_of_a_card_is_kept()
    {
        await Connect().ChargeAsync("the-transaction", "Annabella", Number, "12/30", "1234", 1);
        var kept = string.Concat(
            Directory.GetFiles(DataDirectory).Select(file => Encoding.Latin1.GetString(ReadShared(file)))
        );
        Assert.Contains("the-transaction", kept, StringComparison.Ordinal);
        Assert.DoesNotContain("Annabella", kept, StringComparison.Ordinal);
        Assert.DoesNotContain(Number, kept, StringComparison.Ordinal);
        Assert.DoesNotContain("12/30", kept, StringComparison.Ordinal);
    }

    /// <summary>
    /// Others use this host too, and a proxy on it may act for anybody: the host of a caller proves nothing.
    /// </summary>
    [Theory]
    [InlineData(null)]
    [InlineData("Basic")]
    [InlineData("Basic !!!")]
    [InlineData("Basic bWVyY2hhbnQ6")]
    [InlineData("Basic bWVyY2hhbnQ6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWU=")]
    [InlineData("Bearer bWVyY2hhbnQ6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")]
    public async Task Without_its_secret_nobody_cancels_or_reads_the_books(string? authorization)
    {
        Assert.Equal(TransactionState.Approved, await Connect().ChargeAsync("t", "Ann", Number, "12/30", "123", 1));

        using var books = await AuditAsync(authorization);
        Assert.Equal(HttpStatusCode.Unauthorized, books.StatusCode);
        Assert.Equal("Basic", Assert.Single(books.Headers.WwwAuthenticate).Scheme);
        var (status, answer) = await PostAsync(
            Encoding.UTF8.GetBytes(FindT.Replace("Find", "Cancel", StringComparison.Ordinal)),
            "text/xml",
            authorization: authorization
        );
        Assert.Equal((HttpStatusCode.InternalServerError, "Client"), (status, Code(answer)));
        Assert.Contains("secret", answer.ToString(), StringComparison.Ordinal);
        Assert.Equal(TransactionState.Approved, await Connect().FindAsync("t"));
    }

    [Fact]
    public async Task The_scheme_of_the_secret_may_be_written_in_any_case()
    {
        using var books = await AuditAsync(
            Merchant.Header.ToString().Replace("Basic", "basic", StringComparison.Ordinal)
        );
        Assert.Equal(HttpStatusCode.OK, books.StatusCode);
    }

    // An auditor needs all charges that were not undone, under any id.
    [Fact]
    public async Task The_merchant_is_shown_what_is_charged_since_a_time()
    {
        var service = Connect();
        await service.ChargeAsync("early", "Ann", Number, "12/30", "123", 100);
        Clock.Advance(TimeSpan.FromMinutes(1));
        var since = Clock.GetUtcNow().ToUnixTimeMilliseconds();
        await service.ChargeAsync("kept", "Ann", Number, "12/30", "123", 1250);
        await service.ChargeAsync("undone", "Ann", Number, "12/30", "123", 700);
        await CancelAsync("undone");

        async Task<string> ShownAsync(string query)
        {
            using var answer = await AuditAsync(Merchant.Header.ToString(), query);
            return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        }

        Assert.Equal("""[{"id":"kept","amountInCents":1250}]""", await ShownAsync($"?since={since}"));
        Assert.Equal(
            """[{"id":"early","amountInCents":100},{"id":"kept","amountInCents":1250}]""",
            await ShownAsync("")
        );
        Assert.Equal("[]", await ShownAsync($"?since={long.MaxValue}"));
    }

    [Fact]
    public void Headers_may_take_as_long_as_at_the_REST_servers() =>
        Assert.Equal(
            TimeSpan.FromSeconds(10),
            App.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.RequestHeadersTimeout
        );

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task It_says_that_it_is_well(string path) =>
        Assert.Equal(
            HttpStatusCode.OK,
            (await Http.GetAsync(new Uri(Address, path), TestContext.Current.CancellationToken)).StatusCode
        );

    private static byte[] ReadShared(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
