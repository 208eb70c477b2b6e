-- Desired and observed state of every user, and the queue of what is still to be done: one row is all three.
-- Types that SQLite and PostgreSQL read alike: TEXT for ids, JSON and enums, BIGINT for numbers, flags and times
-- (microseconds since the Unix epoch).

CREATE TABLE users (
    id                    TEXT   NOT NULL PRIMARY KEY, -- ours, UUIDv7; never the target's
    app                   TEXT   NOT NULL,
    user_name_key         TEXT   NOT NULL,             -- userName folded for comparison
    external_id           TEXT,                        -- as sent, case-exact
    account_key           TEXT,                        -- what makes two users one account at the target (folded e-mail)
    resource              TEXT   NOT NULL,             -- desired: the attributes that the IdP asserted, JSON
    ownership             TEXT   NOT NULL,             -- created, adopted or unmanaged
    version               BIGINT NOT NULL,             -- of the desired state
    applied_version       BIGINT NOT NULL,             -- the newest that the target is known to agree with
    created_at            BIGINT NOT NULL,
    modified_at           BIGINT NOT NULL,
    deleted_at            BIGINT,                      -- gone for the IdP; the row works on until the account is disabled
    account_id            TEXT,                        -- the target's id, once known
    observed              TEXT,                        -- the account as last seen, JSON
    observed_at           BIGINT,
    enabled_administrator BIGINT NOT NULL,             -- 1 while the account is seen to be an enabled administrator
    answered              BIGINT NOT NULL,             -- 1 once the IdP holds a 2xx for this version
    fallback              TEXT,                        -- what to put back if the target rejects an unanswered version, JSON
    lane                  BIGINT NOT NULL,             -- 0 revoke, 1 change, 2 grant
    due_at                BIGINT,                      -- when to work on it; NULL: nothing to do
    attempts              BIGINT NOT NULL,             -- failed ones in a row
    failure               TEXT,                        -- why the last attempt failed, for people
    lease_owner           TEXT,
    lease_until           BIGINT
);

CREATE UNIQUE INDEX users_by_user_name ON users (app, user_name_key) WHERE deleted_at IS NULL;
CREATE INDEX users_by_external_id ON users (app, external_id) WHERE deleted_at IS NULL;
CREATE INDEX users_in_order ON users (app, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_account_key ON users (app, account_key);
CREATE INDEX users_by_account_id ON users (app, account_id);
CREATE INDEX users_due ON users (app, lane, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX users_leased ON users (app, lease_until) WHERE lease_until IS NOT NULL;

-- The full listings of a target's accounts.
CREATE TABLE rosters (
    app          TEXT   NOT NULL PRIMARY KEY,
    completed_at BIGINT NOT NULL,
    accounts     BIGINT NOT NULL
);

-- Who asked for what, what was decided, what the target said. Append-only.
CREATE TABLE events (
    id      TEXT   NOT NULL PRIMARY KEY, -- UUIDv7, so they sort by time
    app     TEXT   NOT NULL,
    user_id TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    kind    TEXT   NOT NULL,
    actor   TEXT   NOT NULL,             -- the name of the token that asked, or 'worker', or 'roster'
    detail  TEXT   NOT NULL
);

CREATE INDEX events_by_user ON events (app, user_id, id);
