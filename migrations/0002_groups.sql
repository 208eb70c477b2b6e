-- Groups, and their members as rows of their own: adding one costs the same whatever the size of the group.

CREATE TABLE user_groups (
    id               TEXT   NOT NULL PRIMARY KEY, -- ours, UUIDv7
    app              TEXT   NOT NULL,
    display_name_key TEXT   NOT NULL,             -- displayName folded for comparison: it is unique
    display          TEXT   NOT NULL,             -- displayName as sent
    external_id      TEXT,                        -- as sent, case-exact
    resource         TEXT   NOT NULL,             -- the attributes that the IdP asserted, without members, JSON
    version          BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    modified_at      BIGINT NOT NULL
);

CREATE UNIQUE INDEX user_groups_by_display_name ON user_groups (app, display_name_key);
CREATE INDEX user_groups_by_external_id ON user_groups (app, external_id);
CREATE INDEX user_groups_in_order ON user_groups (app, id);

CREATE TABLE group_members (
    app       TEXT   NOT NULL,
    group_id  TEXT   NOT NULL,
    member_id TEXT   NOT NULL,                    -- a user's or a group's id
    kind      TEXT   NOT NULL,                    -- User or Group
    PRIMARY KEY (group_id, member_id)
);

CREATE INDEX group_members_by_member ON group_members (app, member_id, group_id);

-- What a user is called where it is a member: displayName, else the formatted name, else nothing.
ALTER TABLE users ADD COLUMN display TEXT NOT NULL DEFAULT '';
