CREATE TABLE attachments (
  id          TEXT    NOT NULL PRIMARY KEY,
  cipher_uuid TEXT    NOT NULL REFERENCES ciphers (uuid) ON DELETE CASCADE,
  file_name   TEXT    NOT NULL,
  file_size   BIGINT  NOT NULL,
  akey        TEXT
);

CREATE INDEX ix_attachments_cipher_uuid ON attachments (cipher_uuid);
