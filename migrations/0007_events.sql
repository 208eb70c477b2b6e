-- Events of groups, and of users that were refused and so never came to be, beside those of users.

ALTER TABLE events RENAME COLUMN user_id TO subject; -- the id of a user or a group, or `name:` and a folded userName
ALTER TABLE events ADD COLUMN version BIGINT;        -- of the subject's state that it is about, if it is about one
ALTER TABLE events ADD COLUMN related TEXT;          -- another subject that has to do with it

-- A deleted user is asked for by the same names as a live one.
CREATE INDEX users_deleted_by_user_name ON users (app, user_name_key) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deleted_by_external_id ON users (app, external_id) WHERE deleted_at IS NOT NULL;
