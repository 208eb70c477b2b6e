-- 1 while a change of the account was sent, or may have been, whose answer did not come: it holds what was seen, or what was
-- sent. A lease that outlives its holder says the same.

ALTER TABLE users ADD COLUMN uncertain BIGINT NOT NULL DEFAULT 0;
