-- Several processes work in one database.

-- Those that do, as far as they said so lately. A row goes when its process ends, or has said nothing for too long.
CREATE TABLE replicas (
    id          TEXT   NOT NULL PRIMARY KEY, -- another one at every start, and after every silence
    version     TEXT   NOT NULL,             -- of the program
    started_at  BIGINT NOT NULL,
    alive_until BIGINT NOT NULL              -- after that it counts as gone, and so do the leases that it has
);

-- How work ended for which a request may wait at another process. Kept for some minutes.
CREATE TABLE outcomes (
    user_id    TEXT   NOT NULL PRIMARY KEY,
    version    BIGINT NOT NULL,              -- the newest version that it is about
    outcome    TEXT   NOT NULL,              -- JSON
    settled_at BIGINT NOT NULL
);

CREATE INDEX outcomes_by_time ON outcomes (settled_at);

-- One administrator an app is disabled or demoted at a time: of two, each would count the other as the one who is left. Whose
-- turn it is keeps it as long as that lease stands in the user's row.
CREATE TABLE administrator_turns (
    app         TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL,
    lease_owner TEXT NOT NULL
);

-- The ids of accounts that were seen with an e-mail in `protected`: somebody may have renamed them since.
CREATE TABLE protected_accounts (
    app        TEXT NOT NULL,
    account_id TEXT NOT NULL,
    email_key  TEXT NOT NULL,                -- folded; it may not be in `protected` any more
    PRIMARY KEY (app, account_id)
);
