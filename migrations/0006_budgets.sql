-- How many calls each target's account allows, shared by all who call it: replicas, apps and commands.

CREATE TABLE budgets (
    account         TEXT   NOT NULL PRIMARY KEY, -- what the target counts for, such as https://acme.aha.io
    stopped_until   BIGINT,                      -- the target refused a call for its limits: none until then
    urgent_until    BIGINT,                      -- a revocation waits for its turn: until then no others
    second_standing TEXT,                        -- what the target last said about its limit a second, JSON
    minute_standing TEXT,                        -- and about its limit a minute, JSON
    refusals        BIGINT NOT NULL DEFAULT 0    -- how many calls it refused for its limits
);

CREATE TABLE budget_calls (
    id       TEXT   NOT NULL PRIMARY KEY,
    account  TEXT   NOT NULL,
    sent_at  BIGINT NOT NULL,
    ended_at BIGINT NOT NULL                     -- when it was answered; until then the latest that it can be
);

CREATE INDEX budget_calls_by_end ON budget_calls (account, ended_at);

-- The queue is counted before a grant is taken on, without a look at its rows.
DROP INDEX users_due;
CREATE INDEX users_due ON users (app, lane, due_at, account_id, held_at) WHERE due_at IS NOT NULL;
