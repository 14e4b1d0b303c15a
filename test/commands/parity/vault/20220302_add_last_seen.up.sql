ALTER TABLE devices ADD COLUMN last_seen TIMESTAMP;
CREATE INDEX ix_devices_user_uuid ON devices (user_uuid, last_seen DESC);
