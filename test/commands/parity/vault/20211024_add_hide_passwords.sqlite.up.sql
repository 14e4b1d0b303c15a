ALTER TABLE users_collections ADD COLUMN hide_passwords BOOLEAN NOT NULL DEFAULT 0;
