-- Keys in place of texts of any length, and in every index the order that lists are asked for. The key of externalId begins
-- with 0; where there is none it is 1, so that it stands behind all others.

DROP INDEX users_by_external_id;
DROP INDEX users_deleted_by_external_id;
ALTER TABLE users ADD COLUMN external_id_key TEXT NOT NULL DEFAULT '1';
UPDATE users SET external_id_key = '0' || external_id WHERE external_id IS NOT NULL;
ALTER TABLE users DROP COLUMN external_id;
CREATE INDEX users_by_external_id ON users (app, external_id_key, id) WHERE deleted_at IS NULL;
CREATE INDEX users_deleted_by_external_id ON users (app, external_id_key) WHERE deleted_at IS NOT NULL;

DROP INDEX user_groups_by_external_id;
ALTER TABLE user_groups ADD COLUMN external_id_key TEXT NOT NULL DEFAULT '1';
UPDATE user_groups SET external_id_key = '0' || external_id WHERE external_id IS NOT NULL;
ALTER TABLE user_groups DROP COLUMN external_id;
CREATE INDEX user_groups_by_external_id ON user_groups (app, external_id_key, id);
CREATE INDEX user_groups_by_modification ON user_groups (app, modified_at, id);

-- Texts are folded by Unicode's rules now, and long ones have shorter keys. Rows that hold such a text are completed when the
-- database is opened; others have the keys that they had.
UPDATE users SET fragment = '' WHERE octet_length(resource) > length(resource)
    OR length(user_name_key) > 256 OR length(external_id_key) > 257
    OR id IN (SELECT user_id FROM user_emails WHERE length(value_key) > 256);
UPDATE user_groups SET fragment = '' WHERE octet_length(resource) > length(resource)
    OR length(display_name_key) > 256 OR length(external_id_key) > 257;
