-- All that lists of sessions filter by and sum up: a session's row itself, with its summary, is read only when it is shown.
DROP INDEX sessions_by_start;
CREATE INDEX sessions_by_start ON sessions (
    started_at, id, last_event_at, ended, agent, user_id, user_email, device_id, device_hostname
);
CREATE INDEX session_values_by_value ON session_values (name, value, session);
