ALTER TABLE ciphers
  DROP CONSTRAINT ciphers_user_uuid_fkey,
  ADD CONSTRAINT ciphers_user_uuid_fkey FOREIGN KEY (user_uuid) REFERENCES users (uuid) ON DELETE SET NULL,
  ADD COLUMN fields TEXT,
  ALTER COLUMN favorite DROP NOT NULL;
CREATE INDEX ix_ciphers_user_uuid ON ciphers (user_uuid) WHERE user_uuid IS NOT NULL;
