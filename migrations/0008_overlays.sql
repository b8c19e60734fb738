-- What is imposed on traffic for a time, by a reply rule or by an operator, and addresses that get no more mail.

-- Lies over what is configured until its end. Its scope is all that is given of lane, source, domain and account; the same for the
-- same scope by the same hand is there once. Every node keeps a copy; who changes something says NOTIFY overlays.
CREATE TABLE overlays (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('suspend', 'lower_rate', 'next_source', 'reroute')),
    lane        text,                              -- the site, as in outbox.lane
    source      text,                              -- the egress source
    domain      text CHECK (domain = lower(domain)),
    account_id  int REFERENCES accounts,
    factor      double precision CHECK (factor > 0 AND factor < 1),
    route       text,                              -- host:port
    until       timestamptz NOT NULL,
    origin      text NOT NULL CHECK (origin IN ('reply', 'operator')),
    rule        text,                              -- of deploy/replies.json or the operator's file
    reply       text,                              -- the last that led to it
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    CHECK (num_nonnulls(lane, source, domain, account_id) > 0),
    CHECK ((kind = 'lower_rate') = (factor IS NOT NULL)),
    CHECK ((kind = 'reroute') = (route IS NOT NULL)),
    CHECK ((origin = 'reply') = (rule IS NOT NULL AND reply IS NOT NULL)),
    -- What outlives a week is a setting, not a reaction.
    CHECK (origin = 'operator' OR until <= changed_at + interval '7 days'),
    UNIQUE NULLS NOT DISTINCT (origin, kind, lane, source, domain, account_id)
);

-- A recipient that was in hand when a suspension came, or that shares its lane with others, is given back, due at the suspension's
-- end. This names the suspension, so that lifting it makes the recipient due at once.
ALTER TABLE outbox ADD COLUMN held_by bigint;
CREATE INDEX outbox_held ON outbox (held_by) WHERE held_by IS NOT NULL;

-- Addresses that refused mail for good. A row whose since is null suppresses nothing: the address had taken mail before, so one
-- refusal is not believed.
CREATE TABLE suppressions (
    account_id   int NOT NULL,
    address      text NOT NULL CHECK (address = lower(address)),
    reason       text NOT NULL,                    -- as the reply rules name it
    reply        text NOT NULL,
    message_id   uuid NOT NULL,                    -- the mail that was refused
    bounced_at   timestamptz NOT NULL,             -- the first refusal since the last delivery
    delivered_at timestamptz,                      -- the last delivery before it, as far as the history goes
    since        timestamptz,                      -- from when on nothing is sent
    PRIMARY KEY (account_id, address)
);
