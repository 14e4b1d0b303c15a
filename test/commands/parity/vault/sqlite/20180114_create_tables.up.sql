CREATE TABLE users (
  uuid                TEXT     NOT NULL PRIMARY KEY,
  created_at          DATETIME NOT NULL,
  email               TEXT     NOT NULL UNIQUE,
  name                TEXT     NOT NULL,
  password_hash       BLOB     NOT NULL,
  password_iterations INTEGER  NOT NULL,
  totp_secret         TEXT,
  verified            BOOLEAN  NOT NULL DEFAULT 0
);

CREATE TABLE devices (
  uuid          TEXT     NOT NULL PRIMARY KEY,
  created_at    DATETIME NOT NULL,
  user_uuid     TEXT     NOT NULL REFERENCES users (uuid),
  name          TEXT     NOT NULL,
  type          INTEGER  NOT NULL,
  refresh_token TEXT     NOT NULL
);

CREATE TABLE folders (
  uuid      TEXT NOT NULL PRIMARY KEY,
  user_uuid TEXT NOT NULL REFERENCES users (uuid),
  name      TEXT NOT NULL
);

CREATE TABLE ciphers (
  uuid      TEXT     NOT NULL PRIMARY KEY,
  user_uuid TEXT     REFERENCES users (uuid),
  atype     INTEGER  NOT NULL,
  name      TEXT     NOT NULL,
  notes     TEXT,
  data      TEXT     NOT NULL,
  favorite  BOOLEAN  NOT NULL
);
