DROP TABLE logs;
DROP TABLE schedules;
DROP TABLE skills;
DROP TABLE tasks;
DROP TABLE messages;
DROP TABLE sessions;
DROP TABLE users;

DROP TYPE log_level;
DROP TYPE task_status;
DROP TYPE message_role;
