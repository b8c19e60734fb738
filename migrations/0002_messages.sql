-- Accounts, what they may send as, and the life of a message.
--
-- A message id is a UUID version 7: its first 48 bits are milliseconds since 1970, so the tables of
-- history are partitioned by day on the id itself, and one look-up by id touches one partition.
-- The lowest 10 bits number the messages (personalizations) of one request; message 0 carries the
-- content that they share.

CREATE TABLE accounts (
    id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- A key is shown once as SG.<id>.<secret>; only the SHA-256 of the secret is kept.
CREATE TABLE api_keys (
    id            text PRIMARY KEY,
    account_id    int NOT NULL REFERENCES accounts,
    name          text NOT NULL,
    secret_hash   bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    revoked_at    timestamptz
);

CREATE TABLE domains (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id       int NOT NULL REFERENCES accounts,
    name             text NOT NULL CHECK (name = lower(name)),
    state            text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'verified')),
    dkim_selector    text NOT NULL,
    dkim_private_key bytea NOT NULL,               -- PKCS #8
    return_path      text NOT NULL,                -- the host part of our reverse-path for this domain
    created_at       timestamptz NOT NULL DEFAULT now(),
    verified_at      timestamptz,
    checked_at       timestamptz,
    check_result     jsonb,
    UNIQUE (account_id, name)
);

-- Keys that all nodes share, made once: 'verp' signs reverse-paths.
CREATE TABLE secrets (
    name        text PRIMARY KEY,
    value       bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Written by Accept, once; never updated.
CREATE TABLE messages (
    id               uuid NOT NULL PRIMARY KEY,
    account_id       int NOT NULL,
    created_at       timestamptz NOT NULL,
    send_at          timestamptz,
    from_address     text NOT NULL,
    subject          text NOT NULL,
    recipient_count  smallint NOT NULL,
    size             int NOT NULL,                 -- octets of the request's content, before compression
    on_unknown       text NOT NULL DEFAULT 'retry' CHECK (on_unknown IN ('retry', 'stop')),
    categories       text[],
    custom_args      jsonb,
    personalization  bytea NOT NULL,               -- what this message alone has: addressees, its headers
    content          bytea                         -- what the request's messages share; on message 0 only
) PARTITION BY RANGE (id);
ALTER TABLE messages ALTER COLUMN content SET STORAGE EXTERNAL;   -- compressed by us
ALTER TABLE messages ALTER COLUMN personalization SET STORAGE EXTERNAL;
CREATE TABLE messages_default PARTITION OF messages DEFAULT;

-- A recipient that has not come to its end. The row is the lease: attempts and leased_until are
-- committed before anybody connects, and attempts names the lease, so a worker that wakes up late
-- settles nothing that was handed to another. Deleted when the recipient is settled.
CREATE TABLE outbox (
    message_id       uuid NOT NULL,
    n                smallint NOT NULL,            -- position in the message's envelope, from 0
    account_id       int NOT NULL,
    address          text NOT NULL,
    lane             text NOT NULL,                -- the domain at first, the MX site once it is known
    state            text NOT NULL CHECK (state IN ('queued', 'leased')),
    due_at           timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    attempts         int NOT NULL DEFAULT 0,
    node_id          bigint,
    leased_until     timestamptz,
    processed        boolean NOT NULL DEFAULT false,
    last_attempt_at  timestamptz,
    last_reply       text,
    PRIMARY KEY (message_id, n),
    CHECK ((state = 'leased') = (node_id IS NOT NULL AND leased_until IS NOT NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.2);
CREATE INDEX outbox_due ON outbox (lane, due_at) WHERE state = 'queued';
CREATE INDEX outbox_leased ON outbox (node_id) WHERE state = 'leased';
CREATE INDEX outbox_address ON outbox (lower(address));

-- Where every recipient ends.
CREATE TABLE settled (
    message_id   uuid NOT NULL,
    n            smallint NOT NULL,
    account_id   int NOT NULL,
    address      text NOT NULL,
    state        text NOT NULL CHECK (state IN ('delivered', 'bounced', 'expired', 'suppressed', 'cancelled')),
    settled_at   timestamptz NOT NULL,
    attempts     int NOT NULL,
    reply        text,
    PRIMARY KEY (message_id, n)
) PARTITION BY RANGE (message_id);
CREATE INDEX settled_address ON settled (lower(address));
CREATE TABLE settled_default PARTITION OF settled DEFAULT;

-- One try of one mail host for one recipient. An attempt that goes on to the next host has several
-- rows of the same attempt, in order of step.
CREATE TABLE attempts (
    message_id   uuid NOT NULL,
    n            smallint NOT NULL,
    attempt      int NOT NULL,
    step         smallint NOT NULL,
    started_at   timestamptz NOT NULL,
    duration_ms  int NOT NULL,
    disposition  text NOT NULL CHECK (disposition IN ('delivered', 'deferred', 'bounced', 'unknown')),
    scope        text CHECK (scope IN ('recipient', 'message', 'host', 'lane')),
    stage        text NOT NULL,
    mail_host    text,
    remote       text,                             -- address and port
    reply        text,                             -- code, enhanced code and text on one line
    reply_is_ours boolean NOT NULL DEFAULT false,
    tls          text,                             -- protocol and cipher suite; null when in the clear
    transcript   text
) PARTITION BY RANGE (message_id);
CREATE INDEX attempts_message ON attempts (message_id, n, attempt, step);
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;

-- The one ordered log. A sequence alone is not in the order of commits: a reader with a cursor on it
-- would pass over a transaction that commits late. The order is (xact, id), and readers stop below
-- the oldest transaction still running: xact < pg_snapshot_xmin(pg_current_snapshot()).
CREATE SEQUENCE events_id;
CREATE TABLE events (
    xact        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id          bigint NOT NULL DEFAULT nextval('events_id'),
    message_id  uuid NOT NULL,
    n           smallint NOT NULL,
    account_id  int NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('accepted', 'processed', 'deferred', 'unknown',
                    'delivered', 'bounced', 'expired', 'suppressed', 'cancelled')),
    at          timestamptz NOT NULL,
    address     text NOT NULL,
    attempt     int NOT NULL DEFAULT 0,
    detail      jsonb
) PARTITION BY RANGE (message_id);
CREATE INDEX events_order ON events (xact, id);
CREATE INDEX events_message ON events (message_id, n);
CREATE TABLE events_default PARTITION OF events DEFAULT;

-- Written in the transaction of the messages that the key stands for.
CREATE TABLE idempotency_keys (
    account_id  int NOT NULL,
    key         text NOT NULL,
    body_hash   bytea NOT NULL,
    request_id  uuid NOT NULL,
    answer      text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

CREATE FUNCTION message_id_floor(day timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the daily partitions from one day before to some days after the given time. A day whose rows
-- already lie in the default partition (a clock that was wrong) stays there.
CREATE FUNCTION ensure_daily_partitions(at timestamptz, days int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    made int := 0;
    parent text;
    day timestamptz;
    child text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['messages', 'settled', 'attempts', 'events'] LOOP
        FOR day IN SELECT d AT TIME ZONE 'UTC'
                     FROM generate_series(date_trunc('day', at AT TIME ZONE 'UTC') - interval '1 day',
                                          date_trunc('day', at AT TIME ZONE 'UTC') + make_interval(days => days),
                                          interval '1 day') AS d
        LOOP
            child := parent || '_' || to_char(day AT TIME ZONE 'UTC', 'YYYYMMDD');
            IF to_regclass(child) IS NULL THEN
                BEGIN
                    EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                        child, parent, message_id_floor(day), message_id_floor(day + interval '1 day'));
                    made := made + 1;
                EXCEPTION WHEN check_violation THEN
                    RAISE WARNING 'the day of % stays in the default partition: rows of it are already there', child;
                END;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
