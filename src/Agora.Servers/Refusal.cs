using System.Globalization;
using Agora.Client;
using Agora.Contracts.Cluster;
using Microsoft.AspNetCore.Http;
using CustomersError = Agora.Contracts.Customers.Error;
using ProductsError = Agora.Contracts.Products.Error;

namespace Agora.Servers;

/// <summary>
/// The one shape of every error: a status, a stable code and what to mend, as <c>application/problem+json</c>.
/// Never holds anything of an exception: neither its text nor an internal address.
/// </summary>
internal sealed class Refusal : IResult, IStatusCodeHttpResult
{
    /// <summary>Every code, with its status and what it is called.</summary>
    public static IReadOnlyDictionary<string, (int Status, string Title)> Kinds { get; } = new Dictionary<string, (int, string)>(StringComparer.Ordinal)
    {
        [ErrorCodes.InvalidRequest] = (400, "The request is not valid"),
        [ErrorCodes.NotLoggedIn] = (401, "Not logged in"),
        [ErrorCodes.PaymentDeclined] = (402, "The card was declined"),
        [ErrorCodes.NotYours] = (403, "The item is another seller's"),
        [ErrorCodes.NoSuchItem] = (404, "No such item"),
        [ErrorCodes.NoSuchSeller] = (404, "No such seller"),
        [ErrorCodes.NotInCart] = (404, "Not in the cart"),
        [ErrorCodes.NoSuchResource] = (404, "Nothing answers here"),
        [ErrorCodes.MethodNotAllowed] = (405, "Method not allowed"),
        [ErrorCodes.UsernameTaken] = (409, "The username is taken"),
        [ErrorCodes.NotEnoughUnits] = (409, "Not enough units"),
        [ErrorCodes.CartEmpty] = (409, "The cart is empty"),
        [ErrorCodes.CartFull] = (409, "The cart is full"),
        [ErrorCodes.PurchasePending] = (409, "A purchase is being settled"),
        [ErrorCodes.PurchaseAbandoned] = (409, "The purchase was given up"),
        [ErrorCodes.NotPurchased] = (409, "Not purchased"),
        [ErrorCodes.AlreadyRated] = (409, "Already rated"),
        [ErrorCodes.TooLarge] = (413, "The request is too large"),
        [ErrorCodes.UnsupportedMediaType] = (415, "The body must be JSON"),
        [ErrorCodes.TooManyRequests] = (429, "Too many requests"),
        [ErrorCodes.Unavailable] = (503, "Not available now"),
        [ErrorCodes.Internal] = (500, "A fault of the server"),
    };

    private Refusal(
        int status, string code, string detail, int? retryAfterSeconds = null, IReadOnlyDictionary<string, string[]>? errors = null)
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

    int? IStatusCodeHttpResult.StatusCode => Status;

    public static Refusal NotLoggedIn { get; } = new(401, ErrorCodes.NotLoggedIn,
        "This needs a session: log in first. A session ends at logout or after five minutes without a call. "
        + "(A program sends its token in the header Authorization, after the word Bearer.)");

    public static Refusal WrongCredentials { get; } = new(401, ErrorCodes.NotLoggedIn, "The username or the password is wrong.");

    public static Refusal UsernameTaken { get; } =
        new(409, ErrorCodes.UsernameTaken, "Another account has this username; choose another one.");

    public static Refusal NoSuchSeller { get; } = new(404, ErrorCodes.NoSuchSeller, "No seller has this id.");

    public static Refusal NotInCart { get; } =
        new(404, ErrorCodes.NotInCart, "The cart does not hold this item in this quantity; look into the cart to see what it holds.");

    public static Refusal NotYours { get; } = new(403, ErrorCodes.NotYours, "Only the seller who registered this item can change it.");

    public static Refusal CartEmpty { get; } =
        new(409, ErrorCodes.CartEmpty, "There is nothing in the cart; put something into it first.");

    public static Refusal CartFull { get; } =
        new(409, ErrorCodes.CartFull, "The cart holds as many different items as a cart may; buy or remove some first.");

    public static Refusal PurchasePending { get; } = new(409, ErrorCodes.PurchasePending,
        "Another purchase of this session is still being settled. Repeat that call with its Idempotency-Key, or wait: it ends within "
        + "about a minute, or when the payment service is back.");

    public static Refusal NotPurchased { get; } =
        new(409, ErrorCodes.NotPurchased, "Only an item that this account has bought can be rated.");

    public static Refusal AlreadyRated { get; } =
        new(409, ErrorCodes.AlreadyRated, "Every purchase of this item has been rated already; each can be rated once.");

    /// <summary>The databases answer a key that they know as they did the first time, whatever is asked now.</summary>
    public static Refusal KeyReused { get; } =
        Invalid("Idempotency-Key", "was used before for another call of this function; make a new key for each");

    private static Refusal InvalidCursor { get; } = Invalid("cursor", "is not one that this list gave; leave it out to begin at the start");

    public static Refusal NoSuchItem(string itemId) => new(404, ErrorCodes.NoSuchItem, $"There is no item {Shown(itemId)}.");

    public static Refusal NotEnoughUnits(string detail) => new(409, ErrorCodes.NotEnoughUnits, detail);

    public static Refusal NotEnoughUnits(string itemId, long available) =>
        NotEnoughUnits(string.Create(CultureInfo.InvariantCulture,
            $"Item {itemId} has {available} unit(s) on sale; ask for no more than that."));

    public static Refusal PaymentDeclined(string detail) => new(402, ErrorCodes.PaymentDeclined, detail);

    public static Refusal PurchaseAbandoned(string detail) => new(409, ErrorCodes.PurchaseAbandoned, detail);

    public static Refusal Invalid(IReadOnlyDictionary<string, string[]> errors) => new(400, ErrorCodes.InvalidRequest,
        string.Join(' ', errors.Take(5).Select(field => $"{field.Key}: {string.Join(", ", field.Value)}.")), errors: errors);

    public static Refusal Invalid(string field, string what) => Invalid(new Dictionary<string, string[]> { [field] = [what] });

    public static Refusal TooManyRequests(TimeSpan retryAfter, string detail) =>
        new(429, ErrorCodes.TooManyRequests, detail, Math.Max(1, (int)Math.Ceiling(retryAfter.TotalSeconds)));

    /// <param name="part">What cannot be reached, in words for a user.</param>
    public static Refusal Unavailable(string part) => new(503, ErrorCodes.Unavailable,
        $"{part} cannot be reached now. Repeat the call with the same Idempotency-Key, here or at another server.", 1);

    /// <param name="parts">What does not serve, in words for a user.</param>
    public static Refusal NotReady(string parts) => new(503, ErrorCodes.Unavailable, $"{parts} cannot be reached now.", 1);

    /// <summary>The refusals that HTTP itself makes: an unknown path, a method, a body.</summary>
    public static Refusal OfStatus(int status, LimitSettings? limits = null) => status switch
    {
        404 => new(404, ErrorCodes.NoSuchResource, "Nothing answers at this path; GET /openapi/v1.json lists what there is."),
        405 => new(405, ErrorCodes.MethodNotAllowed, "This path does not take this method; the header Allow names those that it takes."),
        413 => new(413, ErrorCodes.TooLarge, $"A body may have up to {(limits ?? new()).BodyBytes} bytes."),
        415 => new(415, ErrorCodes.UnsupportedMediaType, "Send the body as JSON in UTF-8, and say so: Content-Type: application/json."),
        429 => TooManyRequests(TimeSpan.FromSeconds(1), "Slow down."),
        503 => Unavailable("The marketplace"),
        >= 500 => new(500, ErrorCodes.Internal,
            "The call failed by a fault of ours, which has been logged. Repeat it with the same Idempotency-Key."),
        _ => new(status, ErrorCodes.InvalidRequest, "The request is not valid HTTP for this server."),
    };

    /// <summary>What the customers database refused. The codes that need an item's name are made by whoever knows it.</summary>
    public static Refusal Of(CustomersError error) => error switch
    {
        CustomersError.NotLoggedIn => NotLoggedIn,
        CustomersError.UsernameTaken => UsernameTaken,
        CustomersError.NoSuchSeller => NoSuchSeller,
        CustomersError.NotInCart => NotInCart,
        CustomersError.NotEnoughUnits => NotEnoughUnits("The item has fewer units on sale than the cart would then hold."),
        CustomersError.CartFull => CartFull,
        CustomersError.NotPurchased => NotPurchased,
        CustomersError.AlreadyRated => AlreadyRated,
        CustomersError.NoSuchAccount => WrongCredentials,
        CustomersError.InvalidCursor => InvalidCursor,
        _ => throw new InvalidOperationException($"The customers database answered {error} where that cannot be."),
    };

    /// <summary>What the products database refused about an item that the caller named.</summary>
    public static Refusal Of(ProductsError error, string itemId, long available) => error switch
    {
        ProductsError.NoSuchItem => NoSuchItem(itemId),
        ProductsError.NotYours => NotYours,
        ProductsError.NotEnoughUnits => NotEnoughUnits(itemId, available),
        ProductsError.InvalidCursor => InvalidCursor,
        _ => throw new InvalidOperationException($"The products database answered {error} where that cannot be."),
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
        return response.WriteAsJsonAsync(ProblemOf(Code) with { Status = Status, Detail = Detail, Errors = Errors }, AgoraJson.Readable.Problem, Problem.MediaType);
    }

    /// <summary>What a problem of this code says at any time.</summary>
    public static Problem ProblemOf(string code) => new()
    {
        Type = $"urn:agora:problem:{code}",
        Title = Kinds[code].Title,
        Status = Kinds[code].Status,
        Code = code,
    };

    // A user's own words come back to them, but not without bound.
    private static string Shown(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}…";
}

/// <summary>A part of the marketplace could not be reached in time: 503, and the same call again is safe.</summary>
/// <param name="part">Which one, in words for a user.</param>
/// <param name="innerException">The last try's failure, for the log.</param>
internal sealed class UnavailableException(string part, Exception? innerException = null)
    : Exception($"{part} cannot be reached.", innerException)
{
    public string Part { get; } = part;
}
