-- Accounts take turns within a lane. One range for each account of a lane and stream, so that those which have something due are found, and claimed
-- from, without reading what one of them has: an index of queued rows alone, so what is handed over in memory never enters it.
CREATE INDEX outbox_turns ON outbox (lane, priority, account_id, due_at) WHERE state = 'queued';
