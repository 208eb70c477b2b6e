-- Who lost access through apps that are passed through, as far as the bridge let it through: the brake counts these.

CREATE TABLE passed_revocations (
    app     TEXT   NOT NULL,
    user_id TEXT   NOT NULL, -- the target's
    at      BIGINT NOT NULL, -- the latest time
    counted BIGINT NOT NULL, -- 0 if it passed while the brake was lifted
    PRIMARY KEY (app, user_id)
);

CREATE INDEX passed_revocations_by_time ON passed_revocations (app, at);

-- One row for each app's count, which is locked while it is taken; and until when a person lifted the brake.
CREATE TABLE lifted_brakes (
    app          TEXT   NOT NULL PRIMARY KEY,
    lifted_until BIGINT NOT NULL
);
