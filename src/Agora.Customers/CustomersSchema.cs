namespace Agora.Customers;

/// <summary>
/// The tables. Each has a key of its own, because a snapshot may renumber implicit rowids. Each lookup of a query or a
/// command has an index. Times are milliseconds since 1970 by the commands' clock; money is in cents.
/// </summary>
internal static class CustomersSchema
{
    public const string Sql = """
        -- Sellers and buyers. thumbs_* count the votes for a seller; units counts what a seller sold or a buyer bought.
        -- username is kept as its user wrote it; usernames are compared by username_key.
        CREATE TABLE IF NOT EXISTS account (
            id            INTEGER PRIMARY KEY,
            role          INTEGER NOT NULL,
            username      TEXT    NOT NULL,
            username_key  TEXT    NOT NULL,
            name          TEXT    NOT NULL,
            password_hash TEXT    NOT NULL,
            thumbs_up     INTEGER NOT NULL DEFAULT 0,
            thumbs_down   INTEGER NOT NULL DEFAULT 0,
            units         INTEGER NOT NULL DEFAULT 0,
            UNIQUE (role, username_key)
        ) STRICT;

        -- An id is never used again: a purchase keeps the id of its session, and may outlive the session.
        CREATE TABLE IF NOT EXISTS session (
            id         INTEGER PRIMARY KEY AUTOINCREMENT,
            token_hash BLOB    NOT NULL UNIQUE,
            account    INTEGER NOT NULL,
            role       INTEGER NOT NULL,
            last_use   INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX IF NOT EXISTS session_by_last_use ON session (last_use);

        -- kind 0: the cart of the session `owner`; kind 1: the saved cart of the account `owner`.
        CREATE TABLE IF NOT EXISTS cart_line (
            kind     INTEGER NOT NULL,
            owner    INTEGER NOT NULL,
            item     TEXT    NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity > 0),
            position INTEGER NOT NULL,
            PRIMARY KEY (kind, owner, item)
        ) STRICT, WITHOUT ROWID;

        -- Decided purchases; state is a PurchaseState, where 1 is completed. session and number name the cart that the
        -- purchase bought or was to buy. refused_total is what its refused_lines would have cost.
        CREATE TABLE IF NOT EXISTS purchase (
            id            INTEGER PRIMARY KEY,
            purchase_id   BLOB    NOT NULL UNIQUE,
            fingerprint   INTEGER NOT NULL,
            session       INTEGER NOT NULL,
            number        INTEGER NOT NULL,
            buyer         INTEGER NOT NULL,
            state         INTEGER NOT NULL,
            at            INTEGER NOT NULL,
            total         INTEGER NOT NULL DEFAULT 0,
            reason        TEXT    NOT NULL DEFAULT '',
            refused_total INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE UNIQUE INDEX IF NOT EXISTS purchase_of_cart ON purchase (session, number) WHERE state = 1;
        CREATE INDEX IF NOT EXISTS purchase_completed ON purchase (buyer, at, id) WHERE state = 1;

        -- The lines of completed purchases, with the time of the purchase, by which a seller's sales are ordered.
        CREATE TABLE IF NOT EXISTS purchase_line (
            purchase   INTEGER NOT NULL,
            position   INTEGER NOT NULL,
            item       TEXT    NOT NULL,
            quantity   INTEGER NOT NULL,
            unit_price INTEGER NOT NULL,
            seller     INTEGER NOT NULL,
            at         INTEGER NOT NULL,
            PRIMARY KEY (purchase, position)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX IF NOT EXISTS purchase_line_sold ON purchase_line (seller, at, purchase, position);

        -- The cart of a purchase that was out of stock or whose price had changed, as it was then.
        CREATE TABLE IF NOT EXISTS refused_line (
            purchase   INTEGER NOT NULL,
            position   INTEGER NOT NULL,
            item       TEXT    NOT NULL,
            quantity   INTEGER NOT NULL,
            name       TEXT    NOT NULL,
            unit_price INTEGER NOT NULL,
            available  INTEGER NOT NULL,
            PRIMARY KEY (purchase, position)
        ) STRICT, WITHOUT ROWID;

        -- What a buyer may rate: one row for each item of each completed purchase.
        CREATE TABLE IF NOT EXISTS bought (
            buyer    INTEGER NOT NULL,
            item     TEXT    NOT NULL,
            at       INTEGER NOT NULL,
            purchase INTEGER NOT NULL,
            seller   INTEGER NOT NULL,
            rated    INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (buyer, item, at, purchase)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE IF NOT EXISTS vote (
            id        INTEGER PRIMARY KEY,
            vote_id   BLOB    NOT NULL UNIQUE,
            buyer     INTEGER NOT NULL,
            item      TEXT    NOT NULL,
            up        INTEGER NOT NULL,
            at        INTEGER NOT NULL,
            forwarded INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE INDEX IF NOT EXISTS vote_unforwarded ON vote (at, id) WHERE forwarded = 0;
        """;
}
