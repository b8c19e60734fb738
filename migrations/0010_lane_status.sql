-- What each process that delivers says, every few seconds, of itself and of its busy lanes, so that any process can answer
-- for all of them. Nothing here is needed to deliver, so nothing of it goes through the write-ahead log: after a crash of
-- PostgreSQL the tables are empty, and filled again within seconds.
CREATE UNLOGGED TABLE node_status (
    node_id  bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    status   jsonb NOT NULL
) WITH (fillfactor = 50);

CREATE UNLOGGED TABLE lane_status (
    lane     text NOT NULL,
    node_id  bigint NOT NULL,
    at       timestamptz NOT NULL,                 -- of the last change
    status   jsonb NOT NULL,
    PRIMARY KEY (node_id, lane)
) WITH (fillfactor = 50);

-- A lane that somebody wants to be tried now: a rest that began before this time ends on every node.
CREATE UNLOGGED TABLE lane_wakes (
    lane     text PRIMARY KEY,
    at       timestamptz NOT NULL
);
