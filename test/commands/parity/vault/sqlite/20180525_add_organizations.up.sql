CREATE TABLE organizations (
  uuid          VARCHAR(40) NOT NULL PRIMARY KEY,
  name          TEXT        NOT NULL,
  billing_email TEXT        NOT NULL
);

CREATE TABLE users_organizations (
  uuid       TEXT    NOT NULL PRIMARY KEY,
  user_uuid  TEXT    NOT NULL REFERENCES users (uuid),
  org_uuid   TEXT    NOT NULL REFERENCES organizations (uuid),
  access_all BOOLEAN NOT NULL DEFAULT 0,
  status     INTEGER NOT NULL,
  atype      INTEGER NOT NULL,

  UNIQUE (user_uuid, org_uuid)
);

CREATE TABLE collections (
  uuid     VARCHAR(40) NOT NULL PRIMARY KEY,
  org_uuid VARCHAR(40) NOT NULL REFERENCES organizations (uuid),
  name     TEXT        NOT NULL
);

CREATE TABLE users_collections (
  user_uuid       TEXT    NOT NULL REFERENCES users (uuid),
  collection_uuid TEXT    NOT NULL REFERENCES collections (uuid),
  read_only       BOOLEAN NOT NULL DEFAULT 0,
  PRIMARY KEY (user_uuid, collection_uuid)
);

ALTER TABLE ciphers ADD COLUMN organization_uuid TEXT REFERENCES organizations (uuid);
