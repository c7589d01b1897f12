using System.Security.Cryptography;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Google.Protobuf;
using Grpc.Core;

namespace Agora.Evaluation;

/// <summary>
/// Reads the books of one account from the databases. What belongs to the account needs a session, which the reader
/// opens directly at the database.
/// </summary>
internal sealed class BookReader(Databases databases, TimeProvider time)
{
    public async Task<SellerBook> ReadAsync(SellerAnswers seller, int turn, CancellationToken cancellationToken)
    {
        var replica = databases.Products[turn % databases.Products.Count].Products;
        return await WithSessionAsync(
            Role.Seller,
            seller.Username,
            turn,
            async (id, customers, session) =>
            {
                if (id is null)
                {
                    return new SellerBook(null, 0, 0, 0, []);
                }

                var rating = await AskAsync(
                    options => customers.GetRatingAsync(new() { Session = session }, options),
                    cancellationToken
                );
                List<ItemRecord> items = [];
                var cursor = "";
                do
                {
                    var page = await AskAsync(
                        options =>
                            replica.GetItemsOfSellerAsync(
                                new()
                                {
                                    SellerId = id.Value,
                                    Limit = 200,
                                    Cursor = cursor,
                                },
                                options
                            ),
                        cancellationToken
                    );
                    items.AddRange(page.Items);
                    cursor = page.NextCursor;
                } while (cursor.Length > 0);
                return new(id, rating.ThumbsUp, rating.ThumbsDown, rating.Units, items);
            },
            cancellationToken
        );
    }

    public async Task<BuyerBook> ReadAsync(BuyerAnswers buyer, int turn, CancellationToken cancellationToken) =>
        await WithSessionAsync(
            Role.Buyer,
            buyer.Username,
            turn,
            async (id, customers, session) =>
            {
                if (id is null)
                {
                    return new BuyerBook(null, 0, [], new Dictionary<string, int>());
                }

                var rating = await AskAsync(
                    options => customers.GetRatingAsync(new() { Session = session }, options),
                    cancellationToken
                );
                // A new session begins with the saved cart.
                var cart = await AskAsync(
                    options => customers.GetCartAsync(new() { Session = session }, options),
                    cancellationToken
                );
                List<PurchaseRecord> purchases = [];
                var cursor = "";
                do
                {
                    var page = await AskAsync(
                        options =>
                            customers.GetPurchasesAsync(
                                new()
                                {
                                    Session = session,
                                    Limit = 200,
                                    Cursor = cursor,
                                },
                                options
                            ),
                        cancellationToken
                    );
                    purchases.AddRange(page.Purchases);
                    cursor = page.NextCursor;
                } while (cursor.Length > 0);
                return new(
                    id,
                    rating.Units,
                    purchases,
                    cart.Lines.ToDictionary(line => line.ItemId, line => line.Quantity)
                );
            },
            cancellationToken
        );

    private async Task<T> WithSessionAsync<T>(
        Role role,
        string username,
        int turn,
        Func<long?, Customers.CustomersClient, Session, Task<T>> read,
        CancellationToken cancellationToken
    )
    {
        var customers = databases.Customers[turn % databases.Customers.Count].Customers;
        Session session = new() { TokenHash = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(32)), Role = role };
        var credentials = await AskAsync(
            options => customers.GetCredentialsAsync(new() { Role = role, UsernameKey = username }, options),
            cancellationToken
        );
        if (!credentials.Found)
        {
            return await read(null, customers, session);
        }

        await ExecuteAsync(
            new()
            {
                OpenSession = new()
                {
                    Role = role,
                    AccountId = credentials.AccountId,
                    TokenHash = session.TokenHash,
                },
            }
        );
        try
        {
            return await read(credentials.AccountId, customers, session);
        }
        finally
        {
            await ExecuteAsync(new() { CloseSession = new() { Session = session } });
        }

        // One request id for all retries, so that none of them applies the command twice.
        Task<CustomersReply> ExecuteAsync(CustomersCommand command)
        {
            CustomersRequest request = new()
            {
                RequestId = ByteString.CopyFrom(RandomNumberGenerator.GetBytes(16)),
                Command = command,
            };
            return AskAsync(options => customers.ExecuteAsync(request, options), cancellationToken);
        }
    }

    private Task<T> AskAsync<T>(Func<CallOptions, AsyncUnaryCall<T>> ask, CancellationToken cancellationToken) =>
        Databases.AskAsync(ask, time, cancellationToken);
}
