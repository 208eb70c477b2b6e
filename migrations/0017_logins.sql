-- How the bridge calls targets at which a person logs in for it (OAuth 2.0, authorization code).

-- Logins that were begun with `scim-bridge login`. The state of one is kept as its SHA-256 alone.
CREATE TABLE logins (
    id           TEXT   NOT NULL PRIMARY KEY, -- UUIDv7
    app          TEXT   NOT NULL,
    state_digest TEXT   NOT NULL,             -- SHA-256, hexadecimal
    redirect_uri TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT,                      -- when the state came back, which it may once
    done_at      BIGINT,                      -- when there was a token
    failure      TEXT                         -- why there will be none
);

CREATE INDEX logins_by_app ON logins (app, expires_at);

-- The token that calls to an app's target carry, sealed.
CREATE TABLE target_tokens (
    app            TEXT   NOT NULL PRIMARY KEY,
    version        BIGINT NOT NULL,           -- counts logins and renewals
    logged_in_at   BIGINT NOT NULL,
    access_token   TEXT   NOT NULL,
    refresh_token  TEXT,                      -- NULL: it cannot be renewed
    expires_at     BIGINT,                    -- NULL: the target did not say
    renewing_until BIGINT NOT NULL            -- one process renews at a time; 0: none does
);
