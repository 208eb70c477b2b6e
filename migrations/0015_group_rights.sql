-- Groups give rights at the target.

-- Counts what changes the rights that a user's groups ask for, beside the versions of the user itself.
ALTER TABLE users ADD COLUMN touched BIGINT NOT NULL DEFAULT 0;

-- Who has a new version is found first among those who lose something.
CREATE INDEX users_due_with_news ON users (app, lane, due_at) WHERE due_at IS NOT NULL AND version > applied_version;

-- 1 for a group that stands for something at the target, and that no identity provider has written to.
ALTER TABLE user_groups ADD COLUMN offered BIGINT NOT NULL DEFAULT 0;

CREATE INDEX user_groups_offered ON user_groups (app, id) WHERE offered = 1;

-- What groups can give at a target, as last listed.
CREATE TABLE catalogues (
    app       TEXT   NOT NULL PRIMARY KEY,
    listing   TEXT   NOT NULL, -- JSON
    listed_at BIGINT NOT NULL
);
