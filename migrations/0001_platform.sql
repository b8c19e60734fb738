-- One row per start of a process of ours. A lease names the node that holds it.
CREATE TABLE nodes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host         text NOT NULL,
    process_id   int NOT NULL,
    roles        text[] NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    stopped_at   timestamptz
);

-- Nodes whose leases hold. Everything leased to a node that is not listed here may be taken:
--   WHERE NOT EXISTS (SELECT FROM live_nodes($1) AS n WHERE n.id = r.leased_by)
-- which also covers nodes whose row was removed long ago.
CREATE FUNCTION live_nodes(ttl interval) RETURNS TABLE (id bigint)
LANGUAGE sql STABLE AS $$
    SELECT n.id FROM nodes AS n WHERE n.stopped_at IS NULL AND n.heartbeat_at > now() - ttl
$$;

-- Nodes that are known and dead: stopped, or silent for longer than the time to live of a lease.
CREATE FUNCTION dead_nodes(ttl interval) RETURNS TABLE (id bigint)
LANGUAGE sql STABLE AS $$
    SELECT n.id FROM nodes AS n WHERE n.stopped_at IS NOT NULL OR n.heartbeat_at <= now() - ttl
$$;

-- Written to find out whether a commit can be made: reading works on a full disk, committing does not.
CREATE TABLE store_probe (
    id        int PRIMARY KEY CHECK (id = 1),
    probed_at timestamptz NOT NULL
);
