-- SQLite cannot drop a NOT NULL: the table is made anew.
CREATE TABLE new_ciphers (
  uuid              TEXT    NOT NULL PRIMARY KEY,
  user_uuid         TEXT    REFERENCES users (uuid) ON DELETE SET NULL,
  organization_uuid TEXT    REFERENCES organizations (uuid),
  atype             INTEGER NOT NULL,
  name              TEXT    NOT NULL,
  notes             TEXT,
  fields            TEXT,
  data              TEXT    NOT NULL,
  favorite          BOOLEAN
);

INSERT INTO new_ciphers (uuid, user_uuid, organization_uuid, atype, name, notes, data, favorite)
  SELECT uuid, user_uuid, organization_uuid, atype, name, notes, data, favorite FROM ciphers;
DROP TABLE ciphers;
ALTER TABLE new_ciphers RENAME TO ciphers;
CREATE INDEX ix_ciphers_user_uuid ON ciphers (user_uuid) WHERE user_uuid IS NOT NULL;
