-- What people are told by the webhook of [notify]: written with what it is about, in one transaction, and delivered later.

CREATE TABLE notifications (
    id              TEXT   NOT NULL PRIMARY KEY, -- UUIDv7, so they sort as they were raised
    app             TEXT   NOT NULL,
    kind            TEXT   NOT NULL,
    occurrence      TEXT,                        -- what was told, for as long as it is not to be told again; NULL: it may be
    text            TEXT   NOT NULL,             -- for people
    raised_at       BIGINT NOT NULL,
    first_try_at    BIGINT,                      -- NULL: nobody tried to deliver it yet
    attempts        BIGINT NOT NULL,
    due_at          BIGINT,                      -- when to try (again); NULL: delivered, or given up
    delivered_at    BIGINT,
    failure         TEXT                         -- why the latest attempt failed, for people
);

CREATE UNIQUE INDEX notifications_standing ON notifications (app, kind, occurrence);
CREATE INDEX notifications_due ON notifications (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notifications_by_kind ON notifications (app, kind, raised_at);
