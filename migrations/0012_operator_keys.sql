-- Operators' keys, when keys were last used, whose mail the inbox keeps, and who made an overlay.

-- An operator's key sees and steers the whole service; any other key only its own account.
ALTER TABLE api_keys ADD COLUMN operator boolean NOT NULL DEFAULT false;
ALTER TABLE api_keys ADD COLUMN last_used_at timestamptz;    -- to the minute, and up to a minute late
CREATE INDEX api_keys_newest ON api_keys (account_id, created_at DESC, id DESC);

-- The key that the first start made is the operator's. A key that was named so later is not.
UPDATE api_keys SET operator = true
 WHERE name = 'quickstart' AND id = (SELECT id FROM api_keys ORDER BY created_at, id LIMIT 1);

-- Whose mail it is; null when the reverse-path does not say: then it is for operators only.
ALTER TABLE inbox ADD COLUMN account_id int;
CREATE INDEX inbox_of_account ON inbox (account_id, id);

ALTER TABLE overlays ADD COLUMN key_id text;                 -- the API key that imposed it
ALTER TABLE overlays ADD COLUMN by_account int;              -- whose key that is, or whose mail's refusal led to it
CREATE INDEX overlays_by_account ON overlays (by_account);
