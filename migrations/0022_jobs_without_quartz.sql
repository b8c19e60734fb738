-- Hangfire schedules and runs the jobs, in the schema hangfire, whose tables it makes and brings up to date itself
-- (Platform/Jobs/JobSchema). What Quartz kept is over; the table jobs, how the last runs went, stays.
DROP TABLE qrtz_simple_triggers, qrtz_cron_triggers, qrtz_simprop_triggers, qrtz_blob_triggers, qrtz_triggers, qrtz_job_details,
    qrtz_calendars, qrtz_paused_trigger_grps, qrtz_paused_job_grps, qrtz_fired_triggers, qrtz_scheduler_state, qrtz_locks;
