-- A webhook is a reader of the event log with a place of its own in it. The place moves on only when
-- a batch was answered with 2xx (or its events were tried for a day), so no event is lost and none
-- overtakes another.
CREATE TABLE webhooks (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id     int NOT NULL REFERENCES accounts,
    url            text NOT NULL,
    enabled        boolean NOT NULL DEFAULT true,
    kinds          text[] NOT NULL,                -- kinds of event, as in events.kind
    private_key    bytea NOT NULL,                 -- ECDSA P-256, PKCS #8
    public_key     bytea NOT NULL,                 -- SubjectPublicKeyInfo
    created_at     timestamptz NOT NULL DEFAULT now(),
    cursor_xact    xid8 NOT NULL,
    cursor_id      bigint NOT NULL,
    node_id        bigint,                         -- who is sending for it now
    leased_until   timestamptz,
    failures       int NOT NULL DEFAULT 0,         -- since the last 2xx
    next_try_at    timestamptz,
    UNIQUE (account_id, url)
);

CREATE TABLE webhook_deliveries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id     bigint NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    at             timestamptz NOT NULL,
    duration_ms    int NOT NULL,
    event_count    int NOT NULL,
    first_event    bigint NOT NULL,
    last_event     bigint NOT NULL,
    outcome        text NOT NULL CHECK (outcome IN ('delivered', 'failed', 'given_up')),
    status_code    int,
    error          text
);
CREATE INDEX webhook_deliveries_recent ON webhook_deliveries (webhook_id, id DESC);

-- What the built-in catch-all host received while live delivery is off.
CREATE TABLE inbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_at   timestamptz NOT NULL,
    reverse_path  text NOT NULL,
    recipients    text[] NOT NULL,
    from_header   text NOT NULL,
    subject       text NOT NULL,
    data          bytea NOT NULL
);
