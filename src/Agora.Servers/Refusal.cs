using System.Globalization;
using Agora.Cluster;
using Agora.Contracts.Customers;
using Agora.Contracts.Products;
using Agora.Rest;
using Microsoft.AspNetCore.Http;

namespace Agora.Servers;

/// <summary>
/// The one shape of every error: a status, a stable code and what to fix, as <c>application/problem+json</c>. It never
/// holds the text of an exception or an internal address.
/// </summary>
internal sealed class Refusal : IResult, IStatusCodeHttpResult
{
    /// <summary>Every code, with its status and title.</summary>
    public static IReadOnlyDictionary<string, (int Status, string Title)> Kinds { get; } =
        new Dictionary<string, (int, string)>(StringComparer.Ordinal)
        {
            [ErrorCodes.InvalidRequest] = (400, "The request is not valid"),
            [ErrorCodes.NotLoggedIn] = (401, "Not logged in"),
            [ErrorCodes.PaymentDeclined] = (402, "The card was declined"),
            [ErrorCodes.NotYours] = (403, "The item belongs to another seller"),
            [ErrorCodes.NoSuchItem] = (404, "No such item"),
            [ErrorCodes.NoSuchSeller] = (404, "No such seller"),
            [ErrorCodes.NoSuchPurchase] = (404, "No such purchase"),
            [ErrorCodes.NotInCart] = (404, "Not in the cart"),
            [ErrorCodes.NoSuchResource] = (404, "No such resource"),
            [ErrorCodes.MethodNotAllowed] = (405, "Method not allowed"),
            [ErrorCodes.UsernameTaken] = (409, "The username is taken"),
            [ErrorCodes.NotEnoughUnits] = (409, "Not enough units"),
            [ErrorCodes.CartEmpty] = (409, "The cart is empty"),
            [ErrorCodes.CartFull] = (409, "The cart is full"),
            [ErrorCodes.PriceChanged] = (409, "The price has changed"),
            [ErrorCodes.PurchasePending] = (409, "A purchase is being settled"),
            [ErrorCodes.PurchaseAbandoned] = (409, "The purchase was abandoned"),
            [ErrorCodes.NotPurchased] = (409, "Not purchased"),
            [ErrorCodes.AlreadyRated] = (409, "Already rated"),
            [ErrorCodes.ChangedMeanwhile] = (412, "The item has changed"),
            [ErrorCodes.TooLarge] = (413, "The request is too large"),
            [ErrorCodes.UnsupportedMediaType] = (415, "The body must be JSON"),
            [ErrorCodes.KeyReused] = (422, "The Idempotency-Key was used before"),
            [ErrorCodes.KeyExpired] = (422, "The Idempotency-Key has expired"),
            [ErrorCodes.TooManyRequests] = (429, "Too many requests"),
            [ErrorCodes.Unavailable] = (503, "Not available now"),
            [ErrorCodes.Internal] = (500, "The server has a fault"),
        };

    private Refusal(
        int status,
        string code,
        string detail,
        int? retryAfterSeconds = null,
        IReadOnlyDictionary<string, string[]>? errors = null
    )
    {
        Status = status;
        Code = code;
        Detail = detail;
        RetryAfterSeconds = retryAfterSeconds;
        Errors = errors;
    }

    public int Status { get; }

    public string Code { get; }

    public string Detail { get; }

    public int? RetryAfterSeconds { get; }

    public IReadOnlyDictionary<string, string[]>? Errors { get; }

    /// <summary>The lines of the cart or purchase that the refusal concerns, if any.</summary>
    public IReadOnlyList<CartLine>? Lines { get; private init; }

    /// <summary>The total of the cart, if the refusal concerns it.</summary>
    public decimal? Total { get; private init; }

    int? IStatusCodeHttpResult.StatusCode => Status;

    public static Refusal NotLoggedIn { get; } =
        new(
            401,
            ErrorCodes.NotLoggedIn,
            "This call needs a session: log in first. A session ends at logout or after five minutes without a call. "
                + "(Programs send the token in the header Authorization, after the word Bearer.)"
        );

    public static Refusal WrongCredentials { get; } =
        new(401, ErrorCodes.NotLoggedIn, "The username or the password is wrong.");

    public static Refusal UsernameTaken { get; } =
        new(409, ErrorCodes.UsernameTaken, "Another account has this username. Choose another one.");

    public static Refusal NoSuchSeller { get; } = new(404, ErrorCodes.NoSuchSeller, "No seller has this id.");

    public static Refusal NoSuchPurchase { get; } =
        new(
            404,
            ErrorCodes.NoSuchPurchase,
            "This account has completed no purchase with this id. GET /purchases lists its purchases."
        );

    public static Refusal NotInCart { get; } =
        new(404, ErrorCodes.NotInCart, "The cart does not hold this item. GET /cart shows what it holds.");

    public static Refusal NotYours { get; } =
        new(403, ErrorCodes.NotYours, "Only the seller who registered this item can change it.");

    public static Refusal CartEmpty { get; } = new(409, ErrorCodes.CartEmpty, "The cart is empty. Add an item first.");

    public static Refusal CartFull { get; } =
        new(409, ErrorCodes.CartFull, "The cart holds the most different items that it may. Buy or remove some first.");

    public static Refusal PurchasePending { get; } =
        new(
            409,
            ErrorCodes.PurchasePending,
            "Another purchase of this session is still being settled. Repeat that call with its Idempotency-Key, "
                + "or wait: it ends within about a minute, or when the payment service is back.",
            retryAfterSeconds: 5
        );

    public static Refusal NotPurchased { get; } =
        new(409, ErrorCodes.NotPurchased, "Only an item that this account has bought can be rated.");

    public static Refusal AlreadyRated { get; } =
        new(
            409,
            ErrorCodes.AlreadyRated,
            "Every purchase of this item has been rated already; each can be rated once."
        );

    public static Refusal KeyReused { get; } =
        new(
            422,
            ErrorCodes.KeyReused,
            "This Idempotency-Key was used before, for another request. Nothing was done now. "
                + "Use a new key for each call that shall take effect once."
        );

    public static Refusal KeyExpired { get; } =
        new(
            422,
            ErrorCodes.KeyExpired,
            "This Idempotency-Key was used so long ago that its answer is no longer kept. Nothing was done now. "
                + "Check whether the first call took effect, then use a new key."
        );

    public static Refusal ChangedMeanwhile { get; } =
        new(
            412,
            ErrorCodes.ChangedMeanwhile,
            "The item has changed since it had the ETag that If-Match names. "
                + "Get the item again, then decide whether to change it."
        );

    /// <summary>A body in gzip or the like.</summary>
    public static Refusal EncodedBody { get; } =
        new(
            415,
            ErrorCodes.UnsupportedMediaType,
            "Send the body without Content-Encoding: compressed bodies are not accepted."
        );

    private static Refusal InvalidCursor { get; } =
        Invalid("cursor", "is not a cursor of this list, or is too old; leave it out to get the first page");

    public static Refusal NoSuchItem(string itemId) =>
        new(404, ErrorCodes.NoSuchItem, $"There is no item {Shortened(itemId)}.");

    /// <summary>Names every line for which there are not enough units, with the units on sale.</summary>
    /// <param name="lines">Lines that hold more units than are on sale.</param>
    public static Refusal NotEnoughUnits(IReadOnlyList<CartLine> lines) =>
        new(
            409,
            ErrorCodes.NotEnoughUnits,
            string.Join(
                ' ',
                lines.Select(line =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"Item {line.ItemId} has {line.Available} unit(s) on sale, not {line.Quantity}."
                    )
                )
            ) + " Ask for no more than that."
        )
        {
            Lines = lines,
        };

    /// <summary>Why a purchase was refused because of its cart, with the cart as it was then.</summary>
    public static Refusal OfCart(PurchaseRecord purchase)
    {
        CartLine[] lines = [.. purchase.RefusedLines.ToCartLines()];
        if (purchase.State == PurchaseState.OutOfStock)
        {
            return NotEnoughUnits([.. lines.Where(line => line.Available < line.Quantity)]);
        }

        var total = Mapping.ToMoney(purchase.RefusedTotalCents);
        return new(
            409,
            ErrorCodes.PriceChanged,
            string.Create(
                CultureInfo.InvariantCulture,
                $"The cart costs {total:0.00} now. Nothing was bought or charged. "
                    + $"To buy it, send this expectedTotal with a new Idempotency-Key."
            )
        )
        {
            Lines = lines,
            Total = total,
        };
    }

    public static Refusal PaymentDeclined(string detail) => new(402, ErrorCodes.PaymentDeclined, detail);

    public static Refusal PurchaseAbandoned(string detail) => new(409, ErrorCodes.PurchaseAbandoned, detail);

    public static Refusal Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        new(
            400,
            ErrorCodes.InvalidRequest,
            string.Join(' ', errors.Take(5).Select(field => $"{field.Key}: {string.Join(", ", field.Value)}.")),
            errors: errors
        );

    public static Refusal Invalid(string field, string what) =>
        Invalid(new Dictionary<string, string[]> { [field] = [what] });

    public static Refusal TooManyRequests(TimeSpan retryAfter, string detail) =>
        new(429, ErrorCodes.TooManyRequests, detail, Math.Max(1, (int)Math.Ceiling(retryAfter.TotalSeconds)));

    /// <param name="part">The part that cannot be reached, in words for a user.</param>
    public static Refusal Unavailable(string part) =>
        new(
            503,
            ErrorCodes.Unavailable,
            $"{part} cannot be reached now. Repeat the call with the same Idempotency-Key, here or at another server.",
            1
        );

    /// <param name="parts">The parts that do not serve, in words for a user.</param>
    public static Refusal NotReady(string parts) =>
        new(503, ErrorCodes.Unavailable, $"{parts} cannot be reached now.", 1);

    /// <summary>Refusals of HTTP itself: an unknown path, a wrong method or body, a limit.</summary>
    public static Refusal OfStatus(int status, LimitSettings? limits = null) =>
        status switch
        {
            404 => new(404, ErrorCodes.NoSuchResource, "There is no such path. GET /openapi/v1.json lists all paths."),
            405 => new(
                405,
                ErrorCodes.MethodNotAllowed,
                "This path does not take this method. The header Allow names those that it takes."
            ),
            414 => new(
                414,
                ErrorCodes.InvalidRequest,
                $"A request line (method, path and query) may have up to {(limits ?? new()).UrlBytes} bytes."
            ),
            431 => new(
                431,
                ErrorCodes.InvalidRequest,
                $"A request may have up to {RequestSize.MaxHeaders} headers, "
                    + $"of up to {(limits ?? new()).HeaderBytes} bytes together."
            ),
            413 => new(413, ErrorCodes.TooLarge, $"A body may have up to {(limits ?? new()).BodyBytes} bytes."),
            415 => new(
                415,
                ErrorCodes.UnsupportedMediaType,
                "Send the body as JSON in UTF-8, with Content-Type: application/json."
            ),
            429 => TooManyRequests(TimeSpan.FromSeconds(1), "Slow down."),
            503 => Unavailable("The marketplace"),
            505 => new(505, ErrorCodes.InvalidRequest, "This server speaks HTTP 1.1 and 1.0."),
            >= 500 => new(
                500,
                ErrorCodes.Internal,
                "The call failed by a fault of the server, which it has logged. "
                    + "Repeat the call with the same Idempotency-Key."
            ),
            _ => new(status, ErrorCodes.InvalidRequest, "The request is not valid HTTP."),
        };

    /// <summary>
    /// A refusal of the customers database. Errors that name an item are made by the handlers, which know it.
    /// </summary>
    public static Refusal Of(CustomersError error) =>
        error switch
        {
            CustomersError.NotLoggedIn => NotLoggedIn,
            CustomersError.UsernameTaken => UsernameTaken,
            CustomersError.NoSuchSeller => NoSuchSeller,
            CustomersError.NotInCart => NotInCart,
            CustomersError.CartFull => CartFull,
            CustomersError.NotPurchased => NotPurchased,
            CustomersError.AlreadyRated => AlreadyRated,
            CustomersError.NoSuchAccount => WrongCredentials,
            CustomersError.InvalidCursor => InvalidCursor,
            CustomersError.NoSuchPurchase => NoSuchPurchase,
            CustomersError.KeyReused => KeyReused,
            CustomersError.KeyExpired => KeyExpired,
            _ => throw new InvalidOperationException($"The customers database answered {error} where it never may."),
        };

    /// <summary>A refusal of the products database about an item.</summary>
    public static Refusal Of(ProductsError error, string itemId) =>
        error switch
        {
            ProductsError.NoSuchItem => NoSuchItem(itemId),
            ProductsError.NotYours => NotYours,
            ProductsError.InvalidCursor => InvalidCursor,
            ProductsError.ChangedMeanwhile => ChangedMeanwhile,
            ProductsError.KeyReused => KeyReused,
            ProductsError.KeyExpired => KeyExpired,
            _ => throw new InvalidOperationException($"The products database answered {error} where it never may."),
        };

    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Features.Set(this);
        var response = httpContext.Response;
        response.StatusCode = Status;
        if (RetryAfterSeconds is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        }

        if (Status == 401)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        return response.WriteAsJsonAsync(
            ToProblem(httpContext.TraceIdentifier),
            AgoraJson.Readable.Problem,
            Problem.MediaType
        );
    }

    public Problem ToProblem(string requestId) =>
        ProblemOf(Code) with
        {
            Status = Status,
            Detail = Detail,
            Errors = Errors,
            Lines = Lines,
            Total = Total,
            RequestId = requestId,
        };

    /// <summary>The parts of a problem that depend on its code only.</summary>
    public static Problem ProblemOf(string code) =>
        new()
        {
            Type = $"urn:agora:problem:{code}",
            Title = Kinds[code].Title,
            Status = Kinds[code].Status,
            Code = code,
        };

    // A user's text is repeated in the error, but shortened.
    private static string Shortened(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}…";
}
