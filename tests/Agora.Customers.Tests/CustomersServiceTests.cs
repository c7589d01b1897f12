using Agora.Contracts.Customers;
using Agora.Contracts.Replication;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Agora.Customers.Tests.CustomersUnderTest;
using static Agora.Testing.DatabaseUnderTest;
using CustomersClient = Agora.Contracts.Customers.Customers.CustomersClient;

namespace Agora.Customers.Tests;

/// <summary>A whole replica, alone in its group, called as the servers call it.</summary>
public sealed class CustomersServiceTests : IAsyncDisposable
{
    private readonly LoneReplica _replica;
    private FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(60));

    public CustomersServiceTests() =>
        _replica = new LoneReplica(
            (builder, cluster, directory, identity) => CustomersHost.Build(builder, cluster, 0, directory, identity),
            _time
        );

    private static CancellationToken Ended => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    [Fact]
    public async Task A_buyer_trades_through_the_customers_service()
    {
        var customers = await StartAsync();
        var sue = (await DoAsync(customers, NewAccount("sue", Role.Seller))).AccountCreated.AccountId;
        await DoAsync(customers, NewAccount("ben"));
        var credentials = await customers.GetCredentialsAsync(
            new CredentialsQuery { Role = Role.Buyer, UsernameKey = "ben" },
            cancellationToken: Ended
        );
        Assert.Equal("hash of ben", credentials.PasswordHash);
        var ben = Token("ben");
        await DoAsync(
            customers,
            new CustomersCommand
            {
                OpenSession = new()
                {
                    Role = Role.Buyer,
                    AccountId = credentials.AccountId,
                    TokenHash = ben.TokenHash,
                },
            }
        );
        Assert.Equal(
            credentials.AccountId,
            (await customers.GetSessionAsync(new SessionQuery { Session = ben }, cancellationToken: Ended)).AccountId
        );
        await DoAsync(
            customers,
            new CustomersCommand
            {
                AddToCart = new()
                {
                    Session = ben,
                    ItemId = "1-1",
                    Quantity = 2,
                    Available = 2,
                },
            }
        );
        Assert.Equal(
            "1-1 x 2",
            Text(await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended))
        );
        var checkout = await customers.GetCheckoutAsync(
            new CheckoutQuery { Session = ben, PurchaseId = Id("p") },
            cancellationToken: Ended
        );
        Assert.Equal("1-1 x 2", Text(new CartReply { Lines = { checkout.Lines } }));
        Assert.Equal(
            new DecisionReply(),
            await customers.GetDecisionAsync(new DecisionQuery { PurchaseId = Id("p") }, cancellationToken: Ended)
        );
        var complete = new CompletePurchase
        {
            PurchaseId = Id("p"),
            CartId = checkout.CartId,
            Lines = { Line("1-1", 2, 500, sue) },
        };
        var bought = (await DoAsync(customers, new CustomersCommand { CompletePurchase = complete })).Purchase;
        checkout = await customers.GetCheckoutAsync(
            new CheckoutQuery { Session = ben, PurchaseId = Id("p") },
            cancellationToken: Ended
        );
        Assert.Equal(bought, checkout.Purchase);
        Assert.Equal(
            bought,
            (
                await customers.GetDecisionAsync(new DecisionQuery { PurchaseId = Id("p") }, cancellationToken: Ended)
            ).Purchase
        );
        var history = await customers.GetPurchasesAsync(new PurchasesQuery { Session = ben }, cancellationToken: Ended);
        Assert.Equal([bought], history.Purchases);
        Assert.Equal(1_000, bought.TotalCents);
        await DoAsync(
            customers,
            new CustomersCommand
            {
                RecordVote = new()
                {
                    Session = ben,
                    ItemId = "1-1",
                    Up = true,
                    VoteId = Id("v"),
                },
            }
        );
        var votes = await customers.GetUnforwardedVotesAsync(
            new UnforwardedVotesQuery { Before = long.MaxValue },
            cancellationToken: Ended
        );
        Assert.Equal([Id("v")], votes.Votes.Select(vote => vote.VoteId));
        var rating = await customers.GetRatingAsync(
            new RatingQuery { Session = ben, SellerId = sue },
            cancellationToken: Ended
        );
        Assert.Equal(
            new RatingReply
            {
                AccountId = sue,
                ThumbsUp = 1,
                Units = 2,
                Name = "Name of sue",
            },
            rating
        );
        Assert.Equal(
            rating,
            await customers.GetRatingAsync(new RatingQuery { SellerId = sue }, cancellationToken: Ended)
        );
        var asNobody = await customers.GetRatingAsync(
            new RatingQuery { Session = Token("nobody"), SellerId = sue },
            cancellationToken: Ended
        );
        Assert.Equal(CustomersError.NotLoggedIn, asNobody.Error);
        var one = await customers.GetPurchaseAsync(
            new PurchaseQuery { Session = ben, PurchaseId = Id("p") },
            cancellationToken: Ended
        );
        Assert.Equal(bought, one.Purchase);

        var shop = Token("sue", Role.Seller);
        await DoAsync(
            customers,
            new CustomersCommand
            {
                OpenSession = new()
                {
                    Role = Role.Seller,
                    AccountId = sue,
                    TokenHash = shop.TokenHash,
                },
            }
        );
        var sales = await customers.GetSalesAsync(new SalesQuery { Session = shop }, cancellationToken: Ended);
        Assert.Equal(
            [
                new SaleRecord
                {
                    At = bought.At,
                    ItemId = "1-1",
                    Quantity = 2,
                    UnitPriceCents = 500,
                },
            ],
            sales.Sales
        );
    }

    [Fact]
    public async Task A_query_on_a_fresh_session_writes_nothing_and_one_on_an_older_session_renews_it()
    {
        var customers = await StartAsync();
        var ben = await LogInAsync(customers);
        var opened = RecordedUse();
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(
            CustomersError.None,
            (await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)).Error
        );
        Assert.Equal(opened, RecordedUse());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(
            CustomersError.None,
            (await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)).Error
        );
        await UseIsRecordedAsync(opened + 31_000);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(
            CustomersError.None,
            (await customers.GetSessionAsync(new SessionQuery { Session = ben }, cancellationToken: Ended)).Error
        );
        Assert.Equal(opened + 31_000, RecordedUse());
    }

    [Theory]
    [InlineData(330, CustomersError.None)]
    [InlineData(331, CustomersError.NotLoggedIn)]
    public async Task Queries_keep_a_session_alive_until_it_is_idle_for_five_and_a_half_minutes(
        int seconds,
        CustomersError error
    )
    {
        var customers = await StartAsync();
        var ben = await LogInAsync(customers);
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromMinutes(5));
            Assert.Equal(
                CustomersError.None,
                (await customers.GetRatingAsync(new RatingQuery { Session = ben }, cancellationToken: Ended)).Error
            );
            await UseIsRecordedAsync(_time.GetUtcNow().ToUnixTimeMilliseconds());
        }

        _time.Advance(TimeSpan.FromSeconds(seconds));
        Assert.Equal(
            error,
            (await customers.GetSessionAsync(new SessionQuery { Session = ben }, cancellationToken: Ended)).Error
        );
        Assert.Equal(
            error,
            (await customers.GetRatingAsync(new RatingQuery { Session = ben }, cancellationToken: Ended)).Error
        );
        Assert.Equal(
            error,
            (await customers.GetPurchasesAsync(new PurchasesQuery { Session = ben }, cancellationToken: Ended)).Error
        );
        Assert.Equal(
            error,
            (await customers.GetCartAsync(new CartQuery { Session = ben }, cancellationToken: Ended)).Error
        );
    }

    [Fact]
    public async Task A_session_of_the_other_role_is_not_logged_in()
    {
        var customers = await StartAsync();
        await LogInAsync(customers);
        var asSeller = Token("ben", Role.Seller);
        Assert.Equal(
            CustomersError.NotLoggedIn,
            (await customers.GetSessionAsync(new SessionQuery { Session = asSeller }, cancellationToken: Ended)).Error
        );
    }

    [Fact]
    public async Task A_repeat_with_the_same_request_id_is_answered_as_the_first_even_after_a_restart()
    {
        var customers = await StartAsync();
        var request = new CustomersRequest { RequestId = Id("r"), Command = NewAccount("ben") };
        var first = await customers.ExecuteAsync(request, cancellationToken: Ended);
        Assert.Equal((CustomersError.None, false), (first.Error, first.Replayed));
        first.Replayed = true;
        Assert.Equal(first, await customers.ExecuteAsync(request, cancellationToken: Ended));
        Assert.Equal(CustomersError.UsernameTaken, (await DoAsync(customers, NewAccount("ben"))).Error);
        await _replica.StopAsync();
        customers = await StartAsync();
        Assert.Equal(first, await customers.ExecuteAsync(request, cancellationToken: Ended));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public async Task A_repeat_is_answered_for_as_many_minutes_as_the_cluster_file_says_and_then_refused(int minutes)
    {
        var customers = await StartAsync(minutes);
        var request = new CustomersRequest { RequestId = Id("r"), Command = NewAccount("ben") };
        await customers.ExecuteAsync(request, cancellationToken: Ended);
        _time.Advance(TimeSpan.FromSeconds(minutes * 60 - 1));
        Assert.Equal(
            (CustomersError.None, true),
            Outcome(await customers.ExecuteAsync(request, cancellationToken: Ended))
        );
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(
            (CustomersError.KeyExpired, false),
            Outcome(await customers.ExecuteAsync(request, cancellationToken: Ended))
        );

        static (CustomersError, bool) Outcome(CustomersReply reply) => (reply.Error, reply.Replayed);
    }

    [Fact]
    public async Task A_replica_whose_clock_is_far_behind_is_unavailable_and_says_no_key_expired()
    {
        _time.Advance(TimeSpan.FromMinutes(16));
        var customers = await StartAsync();
        await DoAsync(customers, NewAccount("ben"));

        // The process restarts with a clock that is a quarter of an hour behind.
        await _replica.StopAsync();
        _time = new(_time.GetUtcNow().AddMinutes(-15).AddSeconds(-1));
        _replica.Time = _time;
        customers = await StartAsync();
        var status = (await Assert.ThrowsAsync<RpcException>(() => DoAsync(customers, NewAccount("eve")))).Status;
        Assert.Equal(StatusCode.Unavailable, status.StatusCode);
        Assert.Contains("clock", status.Detail, StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(CustomersError.None, (await DoAsync(customers, NewAccount("eve"))).Error);
    }

    [Fact]
    public async Task Wrong_requests_are_refused_and_nothing_is_ordered()
    {
        var calls = await _replica.StartAsync();
        var (customers, replica) = (new CustomersClient(calls), new Replica.ReplicaClient(calls));
        var before = await AppliedAsync(replica);
        await RefusedAsync(() =>
            customers.ExecuteAsync(new CustomersRequest(), cancellationToken: Ended).ResponseAsync
        );
        await RefusedAsync(() =>
            customers
                .ExecuteAsync(new CustomersRequest { RequestId = Id("r"), Command = new() }, cancellationToken: Ended)
                .ResponseAsync
        );
        await RefusedAsync(() => customers.GetSessionAsync(new SessionQuery(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() =>
            customers.GetCredentialsAsync(new CredentialsQuery(), cancellationToken: Ended).ResponseAsync
        );
        await RefusedAsync(() =>
            customers
                .GetPurchasesAsync(new PurchasesQuery { Session = Token("t"), Limit = 201 }, cancellationToken: Ended)
                .ResponseAsync
        );
        await RefusedAsync(() =>
            customers.GetDecisionAsync(new DecisionQuery(), cancellationToken: Ended).ResponseAsync
        );
        await RefusedAsync(() => customers.GetRatingAsync(new RatingQuery(), cancellationToken: Ended).ResponseAsync);
        await RefusedAsync(() =>
            customers
                .GetPurchaseAsync(new PurchaseQuery { PurchaseId = Id("p") }, cancellationToken: Ended)
                .ResponseAsync
        );
        await RefusedAsync(() =>
            customers.GetSalesAsync(new SalesQuery { Session = Token("t") }, cancellationToken: Ended).ResponseAsync
        );
        await RefusedAsync(() =>
            customers
                .GetUnforwardedVotesAsync(new UnforwardedVotesQuery { Limit = -1 }, cancellationToken: Ended)
                .ResponseAsync
        );
        Assert.Equal(before, await AppliedAsync(replica));
    }

    [Fact]
    public void An_unusable_directory_is_named_when_the_host_is_built()
    {
        var file = Path.Combine(_replica.Directory, "file");
        File.WriteAllText(file, "");
        Assert.Contains(
            file,
            Assert.ThrowsAny<IOException>(() => _replica.Build(file)).Message,
            StringComparison.Ordinal
        );
    }

    private static async Task<Session> LogInAsync(CustomersClient customers)
    {
        var account = (await DoAsync(customers, NewAccount("ben"))).AccountCreated.AccountId;
        await DoAsync(
            customers,
            new CustomersCommand
            {
                OpenSession = new()
                {
                    Role = Role.Buyer,
                    AccountId = account,
                    TokenHash = Token("ben").TokenHash,
                },
            }
        );
        return Token("ben");
    }

    // A use is recorded behind the read that makes it. Until its note is gone the clock must stand still: its deadline
    // would pass, and the next attempt would wait for a pause on this clock.
    private async Task UseIsRecordedAsync(long use)
    {
        while (RecordedUse() != use || !_replica.Service<CustomersService>().Uses.IsEmpty)
        {
            await Task.Delay(10, Ended);
        }
    }

    private long RecordedUse()
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(_replica.DataDirectory, "state.db")};Mode=ReadOnly;Pooling=False"
        );
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT last_use FROM session";
        return (long)command.ExecuteScalar()!;
    }

    private static async Task<long> AppliedAsync(Replica.ReplicaClient replica) =>
        (await replica.GetStatusAsync(new StatusRequest(), cancellationToken: Ended)).Applied;

    private static async Task RefusedAsync(Func<Task> call) =>
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);

    private static Task<CustomersReply> DoAsync(CustomersClient client, CustomersCommand command) =>
        client
            .ExecuteAsync(
                new CustomersRequest
                {
                    RequestId = ByteString.CopyFrom(Guid.NewGuid().ToByteArray()),
                    Command = command,
                },
                cancellationToken: Ended
            )
            .ResponseAsync;

    private async Task<CustomersClient> StartAsync(int minutes = 15) => new(await _replica.StartAsync(minutes));
}
