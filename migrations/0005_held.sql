-- When the brake stopped a revocation, which then waits for a person. NULL: nothing is held.

ALTER TABLE users ADD COLUMN held_at BIGINT;
CREATE INDEX users_held ON users (app, held_at) WHERE held_at IS NOT NULL;
