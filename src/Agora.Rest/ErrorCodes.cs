namespace Agora.Rest;

/// <summary>The stable codes of errors. A code once published keeps its meaning.</summary>
public static class ErrorCodes
{
    /// <summary>400: a field is missing, unknown or wrong; <see cref="Problem.Errors"/> says which and why.</summary>
    public const string InvalidRequest = "invalid-request";

    /// <summary>401: no token, an unknown token, a session that has ended, or a wrong username or password.</summary>
    public const string NotLoggedIn = "not-logged-in";

    /// <summary>402: the card's bank declined; nothing was bought.</summary>
    public const string PaymentDeclined = "payment-declined";

    /// <summary>403: the item belongs to another seller.</summary>
    public const string NotYours = "not-yours";

    /// <summary>404: no item has this id.</summary>
    public const string NoSuchItem = "no-such-item";

    /// <summary>404: no seller has this id.</summary>
    public const string NoSuchSeller = "no-such-seller";

    /// <summary>404: this account has completed no purchase with this id.</summary>
    public const string NoSuchPurchase = "no-such-purchase";

    /// <summary>404: the cart does not hold this item.</summary>
    public const string NotInCart = "not-in-cart";

    /// <summary>404: nothing answers at this path.</summary>
    public const string NoSuchResource = "no-such-resource";

    /// <summary>405: the path exists, the method does not.</summary>
    public const string MethodNotAllowed = "method-not-allowed";

    /// <summary>409: another account has this username.</summary>
    public const string UsernameTaken = "username-taken";

    /// <summary>409: fewer units are on sale than were asked for.</summary>
    public const string NotEnoughUnits = "not-enough-units";

    /// <summary>409: there is nothing in the cart to buy.</summary>
    public const string CartEmpty = "cart-empty";

    /// <summary>409: the cart would hold more different items than a cart may.</summary>
    public const string CartFull = "cart-full";

    /// <summary>
    /// 409: the purchase would not cost <see cref="PurchaseRequest.ExpectedTotal"/>; nothing was charged.
    /// </summary>
    public const string PriceChanged = "price-changed";

    /// <summary>409: another purchase of this session is still being settled.</summary>
    public const string PurchasePending = "purchase-pending";

    /// <summary>
    /// 409: the purchase was interrupted and abandoned; nothing was bought or charged, and a new one needs a new key.
    /// </summary>
    public const string PurchaseAbandoned = "purchase-abandoned";

    /// <summary>409: only an item that was bought can be rated.</summary>
    public const string NotPurchased = "not-purchased";

    /// <summary>409: every purchase of this item has been rated already.</summary>
    public const string AlreadyRated = "already-rated";

    /// <summary>412: the item has changed since it had the <c>ETag</c> that <c>If-Match</c> names.</summary>
    public const string ChangedMeanwhile = "changed-meanwhile";

    /// <summary>413: the body is larger than any request can be.</summary>
    public const string TooLarge = "too-large";

    /// <summary>415: the body is not JSON.</summary>
    public const string UnsupportedMediaType = "unsupported-media-type";

    /// <summary>422: this account used the Idempotency-Key before, for another request of the same function.</summary>
    public const string KeyReused = "key-reused";

    /// <summary>
    /// 422: the Idempotency-Key was used so long ago that its answer is no longer kept; nothing was done this time.
    /// </summary>
    public const string KeyExpired = "key-expired";

    /// <summary>429: slow down for as long as <c>Retry-After</c> says.</summary>
    public const string TooManyRequests = "too-many-requests";

    /// <summary>500: the server has a fault, which it has logged.</summary>
    public const string Internal = "internal";

    /// <summary>
    /// 503: a part of the marketplace cannot be reached; it is safe to repeat the call with the same key.
    /// </summary>
    public const string Unavailable = "unavailable";

    /// <summary>Never sent by a server: the client reports an answer that is not Agora's.</summary>
    public const string InvalidAnswer = "invalid-answer";
}
