-- An account's keys that work are counted before another is made; revoked ones stay for the record and must not make that slow.
CREATE INDEX api_keys_working ON api_keys (account_id) WHERE revoked_at IS NULL;
