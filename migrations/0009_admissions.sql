-- Of what there may be only so much within a window, what was let through: revocations (the brake) and invitations (their
-- pace).

CREATE TABLE admissions (
    app         TEXT   NOT NULL,
    kind        TEXT   NOT NULL, -- revocation or invitation
    user_id     TEXT   NOT NULL,
    version     BIGINT NOT NULL, -- of the user's desired state
    admitted_at BIGINT NOT NULL, -- of an invitation: when its turn is, which may be later than now
    counted     BIGINT NOT NULL, -- 0 if a person let it through, and the count with it alone
    PRIMARY KEY (user_id, kind, version)
);

CREATE INDEX admissions_by_time ON admissions (app, kind, admitted_at);

-- One row for each count, which is locked while it is taken; and since when nothing more is let through.
CREATE TABLE admission_gates (
    app     TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    shut_at BIGINT,              -- NULL: open
    PRIMARY KEY (app, kind)
);

-- 1 while the account is seen to be enabled. It follows from `observed`.
ALTER TABLE users ADD COLUMN account_enabled BIGINT NOT NULL DEFAULT 0;
UPDATE users SET account_enabled = 1 WHERE observed LIKE '%"enabled":true%';
CREATE INDEX users_with_enabled_account ON users (app) WHERE account_enabled = 1;

-- In the order of ids, so that those who are held are read step by step.
DROP INDEX users_held;
CREATE INDEX users_held ON users (app, id, held_at) WHERE held_at IS NOT NULL;

-- Without those who are held: the worker would look at all of them before each claim.
DROP INDEX users_due;
CREATE INDEX users_due ON users (app, lane, due_at, account_id, held_at) WHERE due_at IS NOT NULL AND held_at IS NULL;
