-- The request that asked for what is to be done, as the log and traces know it.
ALTER TABLE users ADD COLUMN request_id TEXT;
ALTER TABLE users ADD COLUMN trace_parent TEXT; -- W3C Trace Context
