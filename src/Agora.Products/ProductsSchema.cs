namespace Agora.Products;

/// <summary>
/// The tables. Every one has a key of its own (no implicit rowid, which a snapshot may renumber), and whatever a query or a
/// command looks for has an index. Money is cents.
/// </summary>
internal static class ProductsSchema
{
    public const string Sql = """
        -- Items are never deleted, so the next number is new; it is unique over all categories.
        -- Every unit ever registered is accounted for: quantity on sale, reserved by an open purchase, sold, or withdrawn.
        -- keywords is a JSON array, as the seller wrote them; rank orders better feedback first.
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
            rank        INTEGER AS (thumbs_down - thumbs_up) VIRTUAL,
            CHECK (registered = quantity + reserved + sold + withdrawn)
        ) STRICT;
        CREATE INDEX IF NOT EXISTS item_of_seller ON item (seller, number);
        CREATE INDEX IF NOT EXISTS item_on_sale ON item (category, rank, number) WHERE quantity >= 1;

        -- Each different keyword of an item once, folded to lower case.
        CREATE TABLE IF NOT EXISTS keyword (
            category INTEGER NOT NULL,
            keyword  TEXT    NOT NULL,
            number   INTEGER NOT NULL,
            PRIMARY KEY (category, keyword, number)
        ) STRICT, WITHOUT ROWID;

        -- What became of a purchase's Reserve. state: 0 reserved, 1 confirmed, 2 released, 3 refused. One that was released before anything was
        -- reserved, or was refused, is of no cart. Refused: `lacking` is the item, `available` how many units of it there were, null for no such item.
        -- `at` is when it was reserved, in milliseconds since 1970 by the commands' clock.
        CREATE TABLE IF NOT EXISTS reservation (
            purchase_id BLOB    NOT NULL PRIMARY KEY,
            cart_id     BLOB    NOT NULL,
            state       INTEGER NOT NULL,
            at          INTEGER NOT NULL,
            total       INTEGER NOT NULL,
            lacking     TEXT,
            available   INTEGER
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

        -- Votes that have been counted.
        CREATE TABLE IF NOT EXISTS vote (
            vote_id BLOB    NOT NULL PRIMARY KEY,
            number  INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """;
}
