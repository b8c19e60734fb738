-- What each process that delivers says about the pace of a lane whose site refused it, so that all together send there what the site
-- takes. After a crash of PostgreSQL the table is empty, and filled again within a second from what the processes know.
CREATE UNLOGGED TABLE lane_paces (
    lane     text NOT NULL,
    node_id  bigint NOT NULL,
    pace     jsonb NOT NULL,
    PRIMARY KEY (node_id, lane)
) WITH (fillfactor = 50);
