-- What lists are read from without parsing a resource, and what filters find by an index.

-- The text of a resource's JSON, all but what belongs to other resources or to the service (see scim::meta). Empty in rows
-- that an earlier version of the program wrote; they are completed when the database is opened.
ALTER TABLE users ADD COLUMN fragment TEXT NOT NULL DEFAULT '';
ALTER TABLE user_groups ADD COLUMN fragment TEXT NOT NULL DEFAULT '';
CREATE INDEX users_incomplete ON users (id) WHERE fragment = '';
CREATE INDEX user_groups_incomplete ON user_groups (id) WHERE fragment = '';

-- 1 if `active` reads as true.
ALTER TABLE users ADD COLUMN shown_active BIGINT NOT NULL DEFAULT 1;
CREATE INDEX users_by_activity ON users (app, shown_active, id) WHERE deleted_at IS NULL;
CREATE INDEX users_by_modification ON users (app, modified_at, id) WHERE deleted_at IS NULL;

CREATE TABLE user_emails (
    app       TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    value_key TEXT NOT NULL, -- emails.value folded for comparison
    PRIMARY KEY (user_id, value_key)
);

CREATE INDEX user_emails_by_value ON user_emails (app, value_key, user_id);
