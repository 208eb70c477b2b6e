-- Since when what is due waits in its lane: attempts that fail make it due later, and no younger.
ALTER TABLE users ADD COLUMN asked_at BIGINT;
