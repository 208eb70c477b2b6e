-- Whoever lists accounts goes by what all processes know of the listings before.

ALTER TABLE roster_passes ADD COLUMN began_at BIGINT; -- when the latest one began
ALTER TABLE roster_passes ADD COLUMN failures BIGINT NOT NULL DEFAULT 0; -- in a row
ALTER TABLE roster_passes ADD COLUMN asked_at BIGINT; -- when the target last said that something was changed there
