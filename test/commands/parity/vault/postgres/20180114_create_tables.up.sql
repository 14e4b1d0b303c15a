CREATE TABLE users (
  uuid                CHAR(36) NOT NULL PRIMARY KEY,
  created_at          TIMESTAMP NOT NULL,
  email               VARCHAR(255) NOT NULL UNIQUE,
  name                TEXT NOT NULL,
  password_hash       BYTEA NOT NULL,
  password_iterations INTEGER NOT NULL,
  totp_secret         TEXT,
  verified            BOOLEAN NOT NULL DEFAULT FALSE
);

CREATE TABLE devices (
  uuid          CHAR(36) NOT NULL PRIMARY KEY,
  created_at    TIMESTAMP NOT NULL,
  user_uuid     CHAR(36) NOT NULL REFERENCES users (uuid),
  name          TEXT NOT NULL,
  type          INTEGER NOT NULL,
  refresh_token TEXT NOT NULL
);

CREATE TABLE folders (
  uuid      CHAR(36) NOT NULL PRIMARY KEY,
  user_uuid CHAR(36) NOT NULL REFERENCES users (uuid),
  name      TEXT NOT NULL
);

CREATE TABLE ciphers (
  uuid      CHAR(36) NOT NULL PRIMARY KEY,
  user_uuid CHAR(36) REFERENCES users (uuid),
  atype     INTEGER NOT NULL,
  name      TEXT NOT NULL,
  notes     TEXT,
  data      TEXT NOT NULL,
  favorite  BOOLEAN NOT NULL
);
