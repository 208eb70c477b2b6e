-- How many users nobody manages is counted often, and seldom changes.
CREATE INDEX users_unmanaged ON users (app) WHERE deleted_at IS NULL AND ownership = 'unmanaged';
