-- Recurring jobs. One row per job: how its last run went. When it runs next is known to the scheduler's tables below.
CREATE TABLE jobs (
    name             text PRIMARY KEY,
    last_started_at  timestamptz NOT NULL,
    last_finished_at timestamptz,                  -- before last_started_at or null: running, or its process died
    last_ok          boolean,
    last_result      text,                         -- one line, of the last run that came to its end
    node_id          bigint                        -- null: run from the command line
);

-- A domain whose records broke keeps its state for three days, and loses it only to answers, never to a DNS that is silent.
ALTER TABLE domains ADD COLUMN failed_checks int NOT NULL DEFAULT 0, ADD COLUMN failing_since timestamptz;

-- What Quartz 4.7 reads and writes; names and types are its own. Times are ticks of 100 ns since the year 1, in UTC.
CREATE TABLE qrtz_job_details (
    sched_name text, job_name text, job_group text,
    description text,
    job_class_name text NOT NULL,
    is_durable boolean NOT NULL, is_nonconcurrent boolean NOT NULL, is_update_data boolean NOT NULL, requests_recovery boolean NOT NULL,
    job_data bytea,
    PRIMARY KEY (sched_name, job_name, job_group)
);

CREATE TABLE qrtz_triggers (
    sched_name text, trigger_name text, trigger_group text,
    job_name text NOT NULL, job_group text NOT NULL,
    description text,
    next_fire_time bigint, prev_fire_time bigint,
    priority int,
    trigger_state text NOT NULL, trigger_type text NOT NULL,
    start_time bigint NOT NULL, end_time bigint,
    calendar_name text,
    misfire_instr smallint, misfire_orig_fire_time bigint, misfire_threshold bigint,
    execution_group varchar(200),
    preferred_node varchar(200), preferred_node_auto boolean NOT NULL DEFAULT false,
    retry_policy varchar(250), retry_attempt int,
    continues_trigger_name text, continues_trigger_group text, continuation_condition int,
    overlap_policy int,
    pause_reason varchar(250), paused_by varchar(200), paused_at bigint,
    fixed_delay boolean,
    job_data bytea,
    PRIMARY KEY (sched_name, trigger_name, trigger_group),
    FOREIGN KEY (sched_name, job_name, job_group) REFERENCES qrtz_job_details
);
CREATE INDEX qrtz_triggers_job ON qrtz_triggers (sched_name, job_name, job_group);
CREATE INDEX qrtz_triggers_due ON qrtz_triggers (sched_name, trigger_state, next_fire_time);

CREATE TABLE qrtz_simple_triggers (
    sched_name text, trigger_name text, trigger_group text,
    repeat_count bigint NOT NULL, repeat_interval bigint NOT NULL, times_triggered bigint NOT NULL,
    PRIMARY KEY (sched_name, trigger_name, trigger_group),
    FOREIGN KEY (sched_name, trigger_name, trigger_group) REFERENCES qrtz_triggers ON DELETE CASCADE
);

CREATE TABLE qrtz_cron_triggers (
    sched_name text, trigger_name text, trigger_group text,
    cron_expression text NOT NULL, time_zone_id text,
    PRIMARY KEY (sched_name, trigger_name, trigger_group),
    FOREIGN KEY (sched_name, trigger_name, trigger_group) REFERENCES qrtz_triggers ON DELETE CASCADE
);

CREATE TABLE qrtz_simprop_triggers (
    sched_name text, trigger_name text, trigger_group text,
    str_prop_1 text, str_prop_2 text, str_prop_3 text,
    int_prop_1 int, int_prop_2 int,
    long_prop_1 bigint, long_prop_2 bigint,
    dec_prop_1 numeric, dec_prop_2 numeric,
    bool_prop_1 boolean, bool_prop_2 boolean,
    time_zone_id text,
    PRIMARY KEY (sched_name, trigger_name, trigger_group),
    FOREIGN KEY (sched_name, trigger_name, trigger_group) REFERENCES qrtz_triggers ON DELETE CASCADE
);

CREATE TABLE qrtz_blob_triggers (
    sched_name text, trigger_name text, trigger_group text,
    blob_data bytea,
    PRIMARY KEY (sched_name, trigger_name, trigger_group),
    FOREIGN KEY (sched_name, trigger_name, trigger_group) REFERENCES qrtz_triggers ON DELETE CASCADE
);

CREATE TABLE qrtz_calendars (sched_name text, calendar_name text, calendar bytea NOT NULL, PRIMARY KEY (sched_name, calendar_name));

CREATE TABLE qrtz_paused_trigger_grps (
    sched_name text, trigger_group text,
    pause_reason varchar(250), paused_by varchar(200), paused_at bigint,
    PRIMARY KEY (sched_name, trigger_group)
);

CREATE TABLE qrtz_paused_job_grps (
    sched_name text, job_group text,
    pause_reason varchar(250), paused_by varchar(200), paused_at bigint,
    PRIMARY KEY (sched_name, job_group)
);

CREATE TABLE qrtz_fired_triggers (
    sched_name text, entry_id text,
    trigger_name text NOT NULL, trigger_group text NOT NULL,
    instance_name text NOT NULL,
    fired_time bigint NOT NULL, sched_time bigint NOT NULL,
    priority int NOT NULL,
    state text NOT NULL,
    job_name text, job_group text,
    is_nonconcurrent boolean NOT NULL, requests_recovery boolean,
    execution_group varchar(200),
    progress int, progress_message varchar(250),
    interrupt_requested_time bigint,
    PRIMARY KEY (sched_name, entry_id)
);

CREATE TABLE qrtz_scheduler_state (
    sched_name text, instance_name text,
    last_checkin_time bigint NOT NULL, checkin_interval bigint NOT NULL,
    quartz_version varchar(20),
    PRIMARY KEY (sched_name, instance_name)
);

CREATE TABLE qrtz_locks (sched_name text, lock_name text, PRIMARY KEY (sched_name, lock_name));
