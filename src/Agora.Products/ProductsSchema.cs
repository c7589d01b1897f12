namespace Agora.Products;

/// <summary>
/// The tables. Each has a key of its own, because a snapshot may renumber implicit rowids. Each lookup of a query or a
/// command has an index. Money is in cents.
/// </summary>
internal static class ProductsSchema
{
    public const string Sql = """
        -- Items are never deleted, so the next number is new; it is unique over all categories.
        -- Every registered unit is on sale (quantity), reserved by an open purchase, sold or withdrawn.
        -- keywords is a JSON array, as the seller wrote them; a lower rank is better feedback.
        -- version counts the changes that a reader can see.
        CREATE TABLE IF NOT EXISTS item (
            number      INTEGER PRIMARY KEY,
            category    INTEGER NOT NULL,
            seller      INTEGER NOT NULL,
            name        TEXT    NOT NULL,
            keywords    TEXT    NOT NULL,
            condition   INTEGER NOT NULL,
            price       INTEGER NOT NULL CHECK (price > 0),
            registered  INTEGER NOT NULL,
            quantity    INTEGER NOT NULL CHECK (quantity >= 0),
            reserved    INTEGER NOT NULL DEFAULT 0 CHECK (reserved >= 0),
            sold        INTEGER NOT NULL DEFAULT 0,
            withdrawn   INTEGER NOT NULL DEFAULT 0,
            thumbs_up   INTEGER NOT NULL DEFAULT 0,
            thumbs_down INTEGER NOT NULL DEFAULT 0,
            version     INTEGER NOT NULL DEFAULT 1,
            rank        INTEGER AS (thumbs_down - thumbs_up) VIRTUAL,
            CHECK (registered = quantity + reserved + sold + withdrawn)
        ) STRICT;
        CREATE INDEX IF NOT EXISTS item_of_seller ON item (seller, number);
        CREATE INDEX IF NOT EXISTS item_on_sale ON item (category, rank, number) WHERE quantity >= 1;

        -- Each different keyword of an item once, in the form in which keywords are compared.
        CREATE TABLE IF NOT EXISTS keyword (
            category INTEGER NOT NULL,
            keyword  TEXT    NOT NULL,
            number   INTEGER NOT NULL,
            PRIMARY KEY (category, keyword, number)
        ) STRICT, WITHOUT ROWID;

        -- The outcome of a purchase's Reserve. state: 0 reserved, 1 confirmed, 2 released, 3 refused.
        -- A refused reservation has no cart. One that was released before it was made has no cart and no fingerprint.
        -- When it is refused, `error` says why, `lacking` names the item that the error is about, if any, `available`
        -- says how many units of it were on sale, and total is what its refused_lines would have cost.
        -- `at` is the time of the reservation, in milliseconds since 1970 by the commands' clock.
        CREATE TABLE IF NOT EXISTS reservation (
            purchase_id BLOB    NOT NULL PRIMARY KEY,
            fingerprint INTEGER,
            cart_id     BLOB    NOT NULL,
            state       INTEGER NOT NULL,
            at          INTEGER NOT NULL,
            total       INTEGER NOT NULL,
            error       INTEGER NOT NULL DEFAULT 0,
            lacking     TEXT    NOT NULL DEFAULT '',
            available   INTEGER NOT NULL DEFAULT 0
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX IF NOT EXISTS reservation_of_cart ON reservation (cart_id) WHERE state < 2;
        CREATE INDEX IF NOT EXISTS reservation_open ON reservation (at, purchase_id) WHERE state = 0;

        CREATE TABLE IF NOT EXISTS reservation_line (
            purchase_id BLOB    NOT NULL,
            position    INTEGER NOT NULL,
            number      INTEGER NOT NULL,
            quantity    INTEGER NOT NULL,
            unit_price  INTEGER NOT NULL,
            seller      INTEGER NOT NULL,
            PRIMARY KEY (purchase_id, position)
        ) STRICT, WITHOUT ROWID;

        -- All that a refused purchase was to reserve, as it was then.
        CREATE TABLE IF NOT EXISTS refused_line (
            purchase_id BLOB    NOT NULL,
            position    INTEGER NOT NULL,
            item        TEXT    NOT NULL,
            quantity    INTEGER NOT NULL,
            name        TEXT    NOT NULL,
            unit_price  INTEGER NOT NULL,
            available   INTEGER NOT NULL,
            PRIMARY KEY (purchase_id, position)
        ) STRICT, WITHOUT ROWID;

        -- The votes that were counted, in their order. rank is the item's rank just before the vote: a search that
        -- began earlier continues with it.
        CREATE TABLE IF NOT EXISTS vote (
            sequence INTEGER PRIMARY KEY,
            vote_id  BLOB    NOT NULL UNIQUE,
            category INTEGER NOT NULL,
            number   INTEGER NOT NULL,
            rank     INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX IF NOT EXISTS vote_of_category ON vote (category, sequence, number, rank);
        """;
}
