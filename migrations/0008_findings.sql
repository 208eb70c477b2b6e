-- What listings of a target's accounts find that is not as the IdP asserted it, and what a listing came to.

CREATE TABLE findings (
    id          TEXT   NOT NULL PRIMARY KEY, -- UUIDv7, so they sort by time
    app         TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    user_id     TEXT,                        -- whose account it is, or whose e-mail it has; NULL: nobody's here
    account_id  TEXT,                        -- the target's id; NULL: there is no account any more
    sentence    TEXT   NOT NULL,             -- for an admin
    found_at    BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,             -- by the latest pass that found it so
    resolved_at BIGINT                       -- NULL: open
);

CREATE UNIQUE INDEX findings_open ON findings (app, kind, COALESCE(account_id, user_id)) WHERE resolved_at IS NULL;
CREATE INDEX findings_by_user ON findings (app, user_id, id);

ALTER TABLE rosters ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rosters ADD COLUMN calls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE rosters ADD COLUMN census TEXT NOT NULL DEFAULT '{}';  -- the accounts by ownership and state, JSON
ALTER TABLE rosters ADD COLUMN administrators TEXT;                -- account id -> enabled, JSON; NULL: never looked at

-- The pass that is under way, one an app over all processes, and how the latest one ended. Not a part of rosters, where an
-- app has a row only once a pass was completed.
CREATE TABLE roster_passes (
    app         TEXT   NOT NULL PRIMARY KEY,
    owner       TEXT,                        -- who makes a pass now
    lease_until BIGINT,                      -- after that the owner counts as gone
    ended_at    BIGINT,
    failure     TEXT                         -- why the latest one was not completed, for people
);
