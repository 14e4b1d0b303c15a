-- lint: ignore create-index-blocks-writes it comes with 000001 in the first release: the tables are empty
-- lint: ignore work-under-lock it comes with 000001 in the first release: the tables are empty
CREATE INDEX idx_sessions_user_id ON sessions (user_id);
CREATE INDEX idx_messages_session_id ON messages (session_id);
CREATE INDEX idx_tasks_session_id ON tasks (session_id);
CREATE INDEX idx_tasks_status ON tasks (status);
CREATE INDEX idx_logs_level ON logs (level);
