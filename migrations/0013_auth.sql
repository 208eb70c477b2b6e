-- Who may call. Tokens are kept as their SHA-256 alone; keys are sealed where there is a key to seal them with.

-- Bearer tokens, and secrets of OAuth clients, that were made with `scim-bridge token create`.
CREATE TABLE tokens (
    id         TEXT   NOT NULL PRIMARY KEY, -- UUIDv7
    app        TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    client     TEXT,                        -- the client_id whose secret it is; NULL: a bearer token
    digest     TEXT   NOT NULL,             -- SHA-256, hexadecimal
    made_at    BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

CREATE UNIQUE INDEX tokens_by_name ON tokens (app, name) WHERE revoked_at IS NULL;

-- When a token, also one of the configuration, was last used, and from where.
CREATE TABLE token_uses (
    app        TEXT   NOT NULL,
    token_id   TEXT   NOT NULL,             -- of `tokens`, or the place in the configuration
    used_at    BIGINT NOT NULL,
    address    TEXT,
    user_agent TEXT,
    PRIMARY KEY (app, token_id)
);

-- Keys that the bridge makes for itself.
CREATE TABLE own_keys (
    id        TEXT   NOT NULL PRIMARY KEY,
    purpose   TEXT   NOT NULL,
    form      TEXT   NOT NULL,              -- sealed or plain
    material  TEXT   NOT NULL,
    active_at BIGINT NOT NULL               -- when it is first used
);

CREATE INDEX own_keys_by_purpose ON own_keys (purpose, active_at);

-- Assertions that were accepted, until they expire, so that each is accepted once.
CREATE TABLE spent_assertions (
    app        TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (app, id)
);

CREATE INDEX spent_assertions_by_end ON spent_assertions (expires_at);
