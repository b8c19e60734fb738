-- Streams: transactional mail goes ahead of bulk in the same lane. Sources: which of our addresses carried a message.

ALTER TABLE messages
    ADD COLUMN stream  text NOT NULL DEFAULT 'transactional' CHECK (stream IN ('transactional', 'bulk')),
    ADD COLUMN ip_pool text;                           -- the pool of egress sources that the sender named

ALTER TABLE outbox
    ADD COLUMN priority smallint NOT NULL DEFAULT 0 CHECK (priority IN (0, 1)),   -- 0 transactional, 1 bulk
    ADD COLUMN egress_source text;                     -- of the last attempt, by name

-- One range for each lane and stream, so that neither is read to get at the other.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (lane, priority, due_at) WHERE state = 'queued';

ALTER TABLE attempts ADD COLUMN egress_source text;

-- What sources that are being warmed up have sent, by day (UTC). Nodes take allowances in blocks; what a node took
-- and did not use by its end is lost, so the count is never below what was sent.
CREATE TABLE warm_up_days (
    source  text NOT NULL,
    day     date NOT NULL,
    taken   int NOT NULL CHECK (taken >= 0),
    block   int NOT NULL,                              -- what was taken last
    PRIMARY KEY (source, day)
);
