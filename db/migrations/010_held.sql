-- What a person paused is told apart from what waits by itself: who drains the queue doesn't wait for it.

CREATE OR REPLACE VIEW queue_stats AS
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'leased') AS leased, count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'dead') AS dead, count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE state = 'leased' AND lease_until < clock_timestamp()) AS overdue,
        count(*) FILTER (WHERE state = 'done' AND finished_at > clock_timestamp() - interval '1 h') AS done_last_hour,
        coalesce(extract(epoch FROM clock_timestamp() - min(queued_at) FILTER (WHERE state = 'queued')), 0)::float8
            AS oldest_queued_s,
        (SELECT count(*) FROM workers WHERE stopped_at IS NULL AND last_seen > clock_timestamp() - interval '3 min')
            AS workers_alive,
        (SELECT count(*) FROM events WHERE kind LIKE 'alarm.%') AS alarms,
        count(*) FILTER (WHERE state = 'waiting' AND run_at = 'infinity') AS held
    FROM jobs;
