-- What recipients' domains ask of TLS, and what TLS came to.

-- The last MTA-STS policy of a domain that was fetched well (RFC 8461). It holds until expires_at, also
-- when neither DNS nor the policy host answers any more: that is what keeps an attacker who can silence
-- both from turning TLS off.
CREATE TABLE mta_sts_policies (
    domain         text PRIMARY KEY CHECK (domain = lower(domain)),
    id             text NOT NULL,                  -- of the TXT record that led to it
    mode           text NOT NULL CHECK (mode IN ('enforce', 'testing', 'none')),
    mx             text[] NOT NULL,
    max_age        int NOT NULL,                   -- seconds
    fetched_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    last_error     text,                           -- of the last fetch, if it failed
    last_error_at  timestamptz
);
CREATE INDEX mta_sts_policies_expiry ON mta_sts_policies (expires_at);

-- The verdict: policy, version, cipher suite, names of the certificate, verified or why not.
ALTER TABLE attempts ADD COLUMN tls_verdict jsonb;
