-- How work ended for which a request may wait at another process, kept for some minutes. By version: what was refused is put back
-- under a new one, and whoever waits for the refused one must not take what became of that for the answer. It takes the place of
-- `outcomes`, which is not used any more.
CREATE TABLE settled_versions (
    user_id    TEXT   NOT NULL,
    version    BIGINT NOT NULL, -- the newest version that it is about
    outcome    TEXT   NOT NULL, -- JSON
    settled_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, version)
);

CREATE INDEX settled_versions_by_time ON settled_versions (settled_at);
