-- Reports to recipients' domains about TLS towards their mail hosts (RFC 8460), and events about our own senders' domains.

-- How many sessions of each kind there were on a day (UTC), over all nodes.
CREATE TABLE tls_sessions (
    day               date NOT NULL,
    domain            text NOT NULL,               -- the recipient's
    key               bytea NOT NULL,              -- SHA-256 over all columns below but the last
    policy_type       text NOT NULL CHECK (policy_type IN ('sts', 'tlsa', 'no-policy-found')),
    policy_domain     text NOT NULL,               -- the domain, or the TLSA base domain
    policy_text       text NOT NULL,               -- lines, or TLSA records
    mx_hosts          text NOT NULL,               -- lines: the patterns of an MTA-STS policy
    result            text,                        -- null: TLS was agreed on and the policy met; else RFC 8460 §4.3
    sending_address   text,
    mail_host         text,
    receiving_address text,
    reason            text,
    sessions          bigint NOT NULL,
    PRIMARY KEY (day, domain, key)
);

-- One row for each domain and day that is to be asked where its report goes (rua is empty), and one for each of those places.
CREATE TABLE tls_reports (
    day        date NOT NULL,
    domain     text NOT NULL,
    rua        text NOT NULL,
    state      text NOT NULL CHECK (state IN ('waiting', 'sending', 'done', 'given_up')),
    due_at     timestamptz NOT NULL,
    tries      int NOT NULL DEFAULT 0,
    first_try  timestamptz,
    result     text,                               -- of the last try, in words
    PRIMARY KEY (day, domain, rua)
);
CREATE INDEX tls_reports_due ON tls_reports (due_at) WHERE state IN ('waiting', 'sending');

-- Such an event has the domain in its address, and a message id that no message has.
ALTER TABLE events DROP CONSTRAINT events_kind_check, ADD CHECK (kind IN ('accepted', 'processed', 'deferred', 'unknown',
    'delivered', 'bounced', 'expired', 'suppressed', 'cancelled', 'domain_failing', 'domain_unverified'));
