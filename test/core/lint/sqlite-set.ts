/** A migration of SQLite, and what is to be said of it. */
export interface Case {
  readonly name: string
  /** What is there before. Default: `BASE`. */
  readonly before?: string
  readonly up: string
  readonly down?: string
  /** The rule that must speak as error or warning; none: nothing may be said but advice. */
  readonly rule?: string
}

/** Tables as applications have them: a parent, its children, an index, a trigger, a counter. */
const BASE = `
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, age INTEGER DEFAULT 0);
CREATE TABLE posts (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, title TEXT, body TEXT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'plain', text TEXT, score REAL);
CREATE TABLE tags (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL);
CREATE INDEX posts_author ON posts (author);
CREATE INDEX notes_kind ON notes (kind);`

/** A table that no other refers to, without index. */
const LOGS = 'CREATE TABLE logs (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at TEXT);'

const NOTES = `id INTEGER PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'plain', text TEXT, score REAL`
const KIND = 'CREATE INDEX notes_kind ON notes (kind);'

const copyNotes =
  'INSERT INTO notes_new (id, kind, text, score) SELECT notes.id, notes.kind, notes.text, notes.score FROM notes;'

/** A rebuild of `notes`. */
function rebuild({ columns = NOTES, options = '', copy = copyNotes, end = KIND, start = '' } = {}): string {
  return `${start}CREATE TABLE notes_new (${columns})${options};
${copy}
DROP TABLE notes;
ALTER TABLE notes_new RENAME TO notes;
${end}`
}

/** A rebuild of `users`, to which `posts` refers. */
const USERS = `CREATE TABLE users_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, age INTEGER DEFAULT 0 CHECK (age IS NULL OR typeof(age) <> 'blob'));
INSERT INTO users_new (id, name, email, age) SELECT users.id, users.name, users.email, users.age FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;`

const SAFE: readonly Case[] = [
  {
    name: 'a new table',
    up: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT NOT NULL UNIQUE, c REAL CHECK (c > 0))',
  },
  {
    name: 'a new table with everything at once',
    up: 'CREATE TABLE a (x, y, PRIMARY KEY (x, y)) WITHOUT ROWID, STRICT'.replace(
      '(x, y, ',
      '(x TEXT, y INT, ',
    ),
  },
  {
    name: 'a new table with a foreign key and its index',
    up: 'CREATE TABLE likes (user_id INTEGER NOT NULL REFERENCES users, post_id INTEGER NOT NULL REFERENCES posts (id) ON DELETE CASCADE);\nCREATE INDEX likes_user ON likes (user_id);',
  },
  {
    name: 'IF NOT EXISTS of what is not there',
    up: 'create table if not exists "more notes" (id integer primary key)',
  },
  {
    name: 'IF NOT EXISTS of the same',
    before: LOGS,
    up: LOGS.replace('TABLE', 'TABLE IF NOT EXISTS').replace('level', '"level"'),
  },
  { name: 'IF NOT EXISTS of the same index', up: 'CREATE INDEX IF NOT EXISTS posts_author ON posts(author)' },
  { name: 'a table from a query', up: 'CREATE TABLE archive AS SELECT * FROM posts' },
  { name: 'a temporary table', up: 'CREATE TEMP TABLE t AS SELECT id FROM users; DROP TABLE t;' },
  {
    name: 'a new table is filled',
    up: 'CREATE TABLE mails (user_id INTEGER PRIMARY KEY REFERENCES users (id), mail TEXT);\nINSERT INTO mails (user_id, mail) SELECT users.id, users.email FROM users WHERE users.email IS NOT NULL;',
  },
  {
    name: 'a new table is changed',
    up: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT); ALTER TABLE a RENAME COLUMN b TO c; ALTER TABLE a DROP COLUMN c; ALTER TABLE a RENAME TO d; DROP TABLE d;',
  },
  {
    name: 'an index of a new table, unique',
    up: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT); CREATE UNIQUE INDEX a_b ON a (b)',
  },
  {
    name: 'a new table is updated as a whole',
    up: `CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT); INSERT INTO a VALUES (1, 'x'), (2, 'y'); UPDATE a SET b = upper(b); DELETE FROM a;`,
  },
  { name: 'a nullable column', up: 'ALTER TABLE users ADD COLUMN phone TEXT' },
  { name: 'a nullable column without the word', up: 'alter table [users] add "phone no" text null' },
  {
    name: 'a column with a constant default',
    up: `ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member'`,
  },
  { name: 'a number as default', up: 'ALTER TABLE users ADD COLUMN n INTEGER NOT NULL DEFAULT -1' },
  {
    name: 'a column with a CHECK that its default keeps',
    up: 'ALTER TABLE users ADD COLUMN n INTEGER DEFAULT 1 CHECK (n > 0)',
  },
  {
    name: 'a column with a foreign key',
    up: 'ALTER TABLE notes ADD COLUMN owner INTEGER REFERENCES users (id) ON DELETE SET NULL',
  },
  {
    name: 'a virtual column',
    up: 'ALTER TABLE users ADD COLUMN low TEXT GENERATED ALWAYS AS (lower(name)) VIRTUAL',
  },
  {
    name: 'several columns',
    up: 'ALTER TABLE notes ADD a TEXT; ALTER TABLE notes ADD b REAL DEFAULT 0.5; ALTER TABLE posts ADD c BLOB;',
  },
  { name: 'an index', up: 'CREATE INDEX users_email ON users (email)' },
  {
    name: 'a partial index over an expression',
    up: 'CREATE INDEX users_low ON users (lower(email), age DESC) WHERE email IS NOT NULL',
  },
  { name: 'an index is dropped', up: 'DROP INDEX posts_author' },
  {
    name: 'an index is exchanged',
    up: 'DROP INDEX posts_author; CREATE INDEX posts_by_author ON posts (author, id);',
  },
  {
    name: 'a unique index is exchanged for a key of the same',
    before: `${LOGS} CREATE UNIQUE INDEX logs_u ON logs (at, level);`,
    up: 'CREATE UNIQUE INDEX logs_v ON logs (at, level); DROP INDEX logs_u;',
  },
  { name: 'a view', up: 'CREATE VIEW named AS SELECT id, name FROM users' },
  {
    name: 'a view is made anew',
    before: `${BASE} CREATE VIEW named AS SELECT id FROM users;`,
    up: 'DROP VIEW IF EXISTS named; CREATE VIEW named AS SELECT id, name FROM users;',
  },
  {
    name: 'a trigger',
    up: `CREATE TRIGGER stamp AFTER UPDATE ON users BEGIN INSERT INTO notes (text) VALUES (NEW.name); END`,
  },
  {
    name: 'a trigger is made anew',
    before: `${BASE} CREATE TRIGGER stamp AFTER UPDATE ON users BEGIN DELETE FROM notes; END;`,
    up: `DROP TRIGGER stamp; CREATE TRIGGER stamp AFTER UPDATE OF name ON users BEGIN UPDATE notes SET text = NULL WHERE id = NEW.id; END;`,
  },
  { name: 'rows of its own', up: `INSERT INTO users (id, name) VALUES (1, 'admin'), (2, 'guest')` },
  {
    name: 'rows of its own that refer to others',
    up: `INSERT INTO posts (author, title) VALUES (1, 'hello')`,
  },
  {
    name: 'rows of its own, if they are not there',
    up: `INSERT OR IGNORE INTO tags (id, label) VALUES (1, 'new'); INSERT INTO notes (id, text) VALUES (1, 'a') ON CONFLICT (id) DO NOTHING;`,
  },
  {
    name: 'an upsert',
    up: `INSERT INTO users (id, name) VALUES (1, 'admin') ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
  },
  {
    name: 'the only row of a table',
    before: `CREATE TABLE settings (id INTEGER PRIMARY KEY CHECK (id = 1), theme TEXT)`,
    up: `INSERT INTO settings (id, theme) VALUES (1, 'dark')`,
  },
  { name: 'an update by key', up: `UPDATE users SET name = 'root' WHERE id = 1` },
  { name: 'an update by several keys', up: `UPDATE users SET age = 1 WHERE id IN (1, 2, 3)` },
  { name: 'a delete by key', up: `DELETE FROM notes WHERE id = 17` },
  { name: 'a delete of some', up: `DELETE FROM notes WHERE kind = 'draft' AND text IS NULL` },
  { name: 'an update of a few', up: `UPDATE notes SET kind = 'plain' WHERE kind = 'simple'` },
  { name: 'a setting that is kept in the file', up: 'PRAGMA user_version = 4; PRAGMA application_id = 7' },
  {
    name: 'settings that only ask',
    up: 'PRAGMA foreign_keys; PRAGMA foreign_key_check; PRAGMA journal_mode; PRAGMA integrity_check;',
  },
  { name: 'WAL outside a transaction', up: '-- migrate: no-transaction\nPRAGMA journal_mode = WAL' },
  { name: 'VACUUM outside a transaction', up: '-- migrate: no-transaction\nVACUUM' },
  { name: 'statistics', up: 'ANALYZE; PRAGMA optimize; REINDEX posts_author;' },
  { name: 'nothing', up: '-- migrate: nothing it is for the other database' },
  {
    name: 'a full text index',
    up: `CREATE VIRTUAL TABLE search USING fts5(title, body, content='posts', content_rowid='id')`,
  },
  {
    name: 'a rebuild for another type',
    up: rebuild({ columns: NOTES.replace('score REAL', 'score NUMERIC') }),
  },
  {
    name: 'a rebuild for a CHECK that all rows keep',
    up: rebuild({ columns: `${NOTES}, CHECK (id IS NOT NULL)` }),
  },
  {
    name: 'a rebuild for NOT NULL that fills',
    up: rebuild({
      columns: NOTES.replace('text TEXT', `text TEXT NOT NULL DEFAULT ''`),
      copy: copyNotes.replace('notes.text', `coalesce(notes.text, '')`),
    }),
  },
  {
    name: 'a rebuild that takes NOT NULL off',
    up: rebuild({ columns: NOTES.replace('TEXT NOT NULL', 'TEXT') }),
  },
  {
    name: 'a rebuild that has SELECT * in order',
    up: rebuild({ copy: 'INSERT INTO notes_new SELECT * FROM notes;' }),
  },
  {
    name: 'a rebuild in another order, by names',
    up: rebuild({
      columns: `id INTEGER PRIMARY KEY, text TEXT, score REAL, kind TEXT NOT NULL DEFAULT 'plain'`,
      copy: 'INSERT INTO notes_new (score, text, kind, id) SELECT n.score, n.text, n.kind, n.id FROM notes AS n;',
    }),
  },
  {
    name: 'a rebuild with a column more',
    up: rebuild({ columns: `${NOTES}, owner INTEGER REFERENCES users (id)` }),
  },
  {
    name: 'a rebuild with the index under another name',
    up: rebuild({ end: 'CREATE INDEX notes_by_kind ON notes (kind)' }),
  },
  {
    name: 'a rebuild that says to drop the index',
    up: rebuild({ start: 'DROP INDEX notes_kind; ', end: '' }),
  },
  {
    name: 'a rebuild with its trigger',
    before: `${BASE} CREATE TRIGGER seen AFTER INSERT ON notes BEGIN UPDATE users SET age = 0 WHERE id = NEW.id; END;`,
    up: rebuild({
      end: `${KIND} CREATE TRIGGER seen AFTER INSERT ON notes BEGIN UPDATE users SET age = 0 WHERE id = NEW.id; END;`,
    }),
  },
  {
    name: 'a rebuild of a child',
    up: `CREATE TABLE posts_new (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE SET NULL, title TEXT, body TEXT);
    INSERT INTO posts_new SELECT id, author, title, body FROM posts; DROP TABLE posts; ALTER TABLE posts_new RENAME TO posts; CREATE INDEX posts_author ON posts (author);`,
  },
  {
    name: 'a rebuild with its counter',
    up: `CREATE TABLE tags_new (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, hue TEXT);
    INSERT INTO tags_new (id, label) SELECT id, label FROM tags; UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'tags') WHERE name = 'tags_new';
    DROP TABLE tags; ALTER TABLE tags_new RENAME TO tags;`,
  },
  {
    name: 'a rebuild with the view around it',
    before: `${BASE} CREATE VIEW kinds AS SELECT DISTINCT kind FROM notes;`,
    up: rebuild({
      start: 'DROP VIEW kinds;',
      end: `${KIND} CREATE VIEW kinds AS SELECT DISTINCT kind FROM notes;`,
    }),
  },
  {
    name: 'a rebuild with legacy_alter_table around the rename',
    before: `${BASE} CREATE VIEW kinds AS SELECT DISTINCT kind FROM notes;`,
    up: rebuild()
      .replace('ALTER', 'PRAGMA legacy_alter_table = ON; ALTER')
      .replace(KIND, `PRAGMA legacy_alter_table = OFF; ${KIND}`),
  },
  {
    name: 'a rebuild that widens a list',
    before: `CREATE TABLE jobs (id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'done')));`,
    up: `CREATE TABLE jobs_new (id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'done', 'failed')));
    INSERT INTO jobs_new (id, state) SELECT jobs.id, jobs.state FROM jobs; DROP TABLE jobs; ALTER TABLE jobs_new RENAME TO jobs;`,
  },
  {
    name: 'a rebuild by a copy of the rows',
    before: LOGS,
    up: `CREATE TABLE kept AS SELECT * FROM logs; DROP TABLE logs; CREATE TABLE logs (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at TEXT, who TEXT);
    INSERT INTO logs (id, level, message, at) SELECT id, level, message, at FROM kept; DROP TABLE kept;`,
  },
  {
    name: 'a rebuild with the old one renamed, where nobody refers to it',
    before: LOGS,
    up: `ALTER TABLE logs RENAME TO logs_old; CREATE TABLE logs (id INTEGER PRIMARY KEY, level TEXT NOT NULL DEFAULT 'info', message TEXT, at TEXT);
    INSERT INTO logs SELECT id, coalesce(level, 'info'), message, at FROM logs_old; DROP TABLE logs_old;`,
  },
  {
    name: 'a unique index after its twins are gone',
    up: `DELETE FROM tags WHERE id NOT IN (SELECT min(id) FROM tags GROUP BY label); CREATE UNIQUE INDEX tags_label ON tags (label);`,
  },
  {
    name: 'a table renamed, with a view that writes',
    before: LOGS,
    up: `ALTER TABLE logs RENAME TO events; CREATE VIEW logs AS SELECT * FROM events;
    CREATE TRIGGER i INSTEAD OF INSERT ON logs BEGIN INSERT INTO events (message) VALUES (NEW.message); END;
    CREATE TRIGGER u INSTEAD OF UPDATE ON logs BEGIN UPDATE events SET message = NEW.message WHERE id = OLD.id; END;
    CREATE TRIGGER d INSTEAD OF DELETE ON logs BEGIN DELETE FROM events WHERE id = OLD.id; END;`,
  },
  {
    name: 'DROP TABLE IF EXISTS of what is not there',
    up: 'DROP TABLE IF EXISTS none; DROP VIEW IF EXISTS nobody; DROP INDEX IF EXISTS no_index',
  },
  {
    name: 'a column is added, and down drops it',
    up: 'ALTER TABLE users ADD COLUMN phone TEXT',
    down: 'ALTER TABLE users DROP COLUMN phone',
  },
  {
    name: 'a table is made, and down drops it',
    up: 'CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE INDEX a_id ON a (id)',
    down: 'DROP INDEX a_id; DROP TABLE a',
  },
  {
    name: 'a foreign key to a unique index',
    before: `${BASE} CREATE UNIQUE INDEX users_mail ON users (email);`,
    up: 'CREATE TABLE mails (id INTEGER PRIMARY KEY, mail TEXT REFERENCES users (email))',
  },
  {
    name: 'tables that refer to each other',
    up: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES b (id)); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER REFERENCES a (id));',
  },
  {
    name: 'JSON and flags with constants',
    up: `ALTER TABLE users ADD COLUMN meta TEXT NOT NULL DEFAULT '{}' COLLATE NOCASE; ALTER TABLE users ADD COLUMN active BOOLEAN NOT NULL DEFAULT TRUE; ALTER TABLE users ADD COLUMN x BLOB DEFAULT X'00';`,
  },
  {
    name: 'an index over JSON',
    before: 'CREATE TABLE docs (id INTEGER PRIMARY KEY, data TEXT NOT NULL);',
    up: `CREATE INDEX docs_kind ON docs (json_extract(data, '$.kind'))`,
  },
  {
    name: 'a value out of JSON, for some',
    before: 'CREATE TABLE docs (id INTEGER PRIMARY KEY, data TEXT NOT NULL, kind TEXT);',
    up: `UPDATE docs SET kind = json_extract(data, '$.kind') WHERE id = 4`,
  },
  {
    name: 'a row that is put in unless it is there',
    up: `INSERT INTO tags (label) SELECT 'new' WHERE NOT EXISTS (SELECT 1 FROM tags WHERE label = 'new')`,
  },
  { name: 'an update by an email', up: `UPDATE users SET age = 5 WHERE email = 'x@example.org'` },
  {
    name: 'a delete of what is old',
    before: 'CREATE TABLE sessions (id TEXT PRIMARY KEY, expires_at TIMESTAMP);',
    up: `DELETE FROM sessions WHERE expires_at < '2020-01-01'`,
  },
  { name: 'a delete of orphans', up: 'DELETE FROM posts WHERE author NOT IN (SELECT id FROM users)' },
  { name: 'NULL for empty texts', up: `UPDATE users SET email = NULL WHERE email = ''` },
  {
    name: 'a new table of sums',
    up: 'CREATE TABLE stats (author INTEGER PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID; INSERT INTO stats SELECT author, count(*) FROM posts GROUP BY author;',
  },
  {
    name: 'a new table out of distinct values',
    up: `CREATE TABLE kinds (name TEXT PRIMARY KEY NOT NULL); INSERT INTO kinds SELECT DISTINCT kind FROM notes; INSERT OR IGNORE INTO kinds VALUES ('plain');`,
  },
  {
    name: 'REPLACE into what nobody refers to',
    before: 'CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT);',
    up: `INSERT OR REPLACE INTO settings (key, value) VALUES ('theme', 'dark'); UPDATE settings SET value = 'x' WHERE key = 'y';`,
  },
  {
    name: 'defer_foreign_keys for rows',
    up: `PRAGMA defer_foreign_keys = ON; INSERT INTO posts (id, author) VALUES (1, 7); INSERT INTO users (id, name) VALUES (7, 'x');`,
  },
  {
    name: 'a rebuild that puts values right',
    up: rebuild({
      copy: copyNotes
        .replace('notes.text', 'lower(trim(notes.text))')
        .replace('notes.kind', `CASE notes.kind WHEN 'simple' THEN 'plain' ELSE notes.kind END`),
    }),
  },
  {
    name: 'a rebuild that casts to text',
    up: rebuild({
      columns: NOTES.replace('score REAL', 'score TEXT'),
      copy: copyNotes.replace('notes.score', 'CAST(notes.score AS TEXT)'),
    }),
  },
  {
    name: 'a rebuild for moments as numbers',
    before: LOGS,
    up: `CREATE TABLE n (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at INTEGER); INSERT INTO n (id, level, message, at) SELECT id, level, message, unixepoch(at) FROM logs; DROP TABLE logs; ALTER TABLE n RENAME TO logs;`,
  },
  {
    name: 'a rebuild for flags',
    before: 'CREATE TABLE f (id INTEGER PRIMARY KEY, active TEXT);',
    up: `CREATE TABLE n (id INTEGER PRIMARY KEY, active INTEGER NOT NULL DEFAULT 0); INSERT INTO n SELECT id, CASE active WHEN 'Y' THEN 1 ELSE 0 END FROM f; DROP TABLE f; ALTER TABLE n RENAME TO f;`,
  },
  {
    name: 'a rebuild with a generated column',
    before: 'CREATE TABLE g (id INTEGER PRIMARY KEY, a TEXT, b TEXT AS (upper(a)) STORED);',
    up: 'CREATE TABLE n (id INTEGER PRIMARY KEY, a TEXT, b TEXT AS (upper(a)) STORED, c INT); INSERT INTO n (id, a) SELECT g.id, g.a FROM g; DROP TABLE g; ALTER TABLE n RENAME TO g;',
  },
  {
    name: 'a rebuild WITHOUT ROWID',
    before: 'CREATE TABLE kv (k TEXT NOT NULL PRIMARY KEY, v TEXT);',
    up: 'CREATE TABLE n (k TEXT NOT NULL PRIMARY KEY, v TEXT) WITHOUT ROWID; INSERT INTO n (k, v) SELECT kv.k, kv.v FROM kv ORDER BY kv.k; DROP TABLE kv; ALTER TABLE n RENAME TO kv;',
  },
  {
    name: 'a rebuild for a wider key',
    before: 'CREATE TABLE m (team INTEGER NOT NULL, email TEXT NOT NULL, UNIQUE (email));',
    up: 'CREATE TABLE n (team INTEGER NOT NULL, email TEXT NOT NULL, UNIQUE (team, email)); INSERT INTO n (team, email) SELECT m.team, m.email FROM m; DROP TABLE m; ALTER TABLE n RENAME TO m;',
  },
  {
    name: 'a rebuild with the unique index back',
    before: `${LOGS} CREATE UNIQUE INDEX logs_u ON logs (at, level) WHERE level <> 'debug';`,
    up: `CREATE TABLE n (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at TEXT, who TEXT); INSERT INTO n (id, level, message, at) SELECT id, level, message, at FROM logs; DROP TABLE logs; ALTER TABLE n RENAME TO logs; create unique index "logs_u" on "logs" ("at", "level") where "level" <> 'debug';`.replace(
      `where "level"`,
      'where level',
    ),
  },
  {
    name: 'a rebuild of two that know nothing of each other',
    before: `${LOGS}CREATE TABLE hits (id INTEGER PRIMARY KEY, n INT);`,
    up: 'CREATE TABLE l (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at TEXT NULL); INSERT INTO l SELECT * FROM logs; DROP TABLE logs; ALTER TABLE l RENAME TO logs; CREATE TABLE h (id INTEGER PRIMARY KEY, n BIGINT); INSERT INTO h SELECT * FROM hits; DROP TABLE hits; ALTER TABLE h RENAME TO hits;',
  },
  {
    name: 'a trigger is dropped',
    before: `${BASE} CREATE TRIGGER seen AFTER INSERT ON notes BEGIN UPDATE users SET age = 0 WHERE id = NEW.id; END;`,
    up: 'DROP TRIGGER seen',
  },
  {
    name: 'a trigger that refuses rows',
    up: `CREATE TRIGGER no_short BEFORE INSERT ON users WHEN length(NEW.name) < 2 BEGIN SELECT RAISE(ABORT, 'too short'); END`,
  },
  {
    name: 'full text with its triggers',
    up: `CREATE VIRTUAL TABLE found USING fts5(text, content='notes', content_rowid='id'); CREATE TRIGGER notes_ai AFTER INSERT ON notes BEGIN INSERT INTO found (rowid, text) VALUES (NEW.id, NEW.text); END; INSERT INTO found (found) VALUES ('rebuild');`,
  },
  {
    name: 'a recursive query fills a new table',
    up: 'CREATE TABLE days (d INTEGER PRIMARY KEY); WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 31) INSERT INTO days SELECT x FROM c;',
  },
  {
    name: 'rows that cannot be made up',
    before: `CREATE TABLE odd (id INTEGER PRIMARY KEY, code TEXT NOT NULL CHECK (code GLOB '[A-Z][A-Z]-[0-9][0-9]' AND substr(code, 1, 1) <> substr(code, 2, 1)));`,
    up: 'ALTER TABLE odd ADD COLUMN x TEXT',
  },
  {
    name: 'an update by rowid',
    up: 'UPDATE notes SET text = NULL WHERE rowid = 3; DELETE FROM notes WHERE rowid BETWEEN 10 AND 20;',
  },
  {
    name: 'a table is made again by down',
    before: LOGS,
    up: 'ALTER TABLE logs ADD COLUMN who TEXT',
    down: `CREATE TABLE n (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at TEXT); INSERT INTO n SELECT id, level, message, at FROM logs; DROP TABLE logs; ALTER TABLE n RENAME TO logs;`,
  },
  {
    name: 'an index is made, and down drops it',
    up: 'CREATE INDEX users_age ON users (age)',
    down: 'DROP INDEX IF EXISTS users_age',
  },
  {
    name: 'rows are put in, and down deletes them',
    up: `INSERT INTO tags (id, label) VALUES (1, 'a'), (2, 'b')`,
    down: 'DELETE FROM tags WHERE id IN (1, 2)',
  },
]

const HAZARDS: readonly Case[] = [
  { name: 'drop table', up: 'DROP TABLE notes', rule: 'sqlite-drop-table' },
  {
    name: 'drop table, quoted, if exists',
    up: 'drop table if exists main."notes"',
    rule: 'sqlite-drop-table',
  },
  { name: 'drop table with children', up: 'DROP TABLE users', rule: 'sqlite-drop-table' },
  {
    name: 'drop and make it again',
    up: `DROP TABLE IF EXISTS notes; CREATE TABLE notes (${NOTES}); ${KIND}`,
    rule: 'sqlite-rebuild-loses-rows',
  },
  { name: 'drop column', up: 'ALTER TABLE notes DROP COLUMN score', rule: 'sqlite-drop-column' },
  {
    name: 'drop column without the word',
    up: 'alter table `notes` drop [score]',
    rule: 'sqlite-drop-column',
  },
  {
    name: 'drop column by a rebuild',
    up: rebuild({
      columns: `id INTEGER PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'plain', text TEXT`,
      copy: 'INSERT INTO notes_new SELECT id, kind, text FROM notes;',
    }),
    rule: 'sqlite-drop-column',
  },
  {
    name: 'rename column',
    up: 'ALTER TABLE users RENAME COLUMN name TO full_name',
    rule: 'sqlite-rename-column',
  },
  {
    name: 'rename column without the word',
    up: 'ALTER TABLE users RENAME "name" TO "full name"',
    rule: 'sqlite-rename-column',
  },
  {
    name: 'rename column by a rebuild',
    up: rebuild({
      columns: NOTES.replace('text TEXT', 'content TEXT'),
      copy: 'INSERT INTO notes_new (id, kind, content, score) SELECT id, kind, text, score FROM notes;',
    }),
    rule: 'sqlite-rename-column',
  },
  { name: 'rename table', up: 'ALTER TABLE notes RENAME TO remarks', rule: 'sqlite-rename-table' },
  {
    name: 'rename table, with a view that only reads',
    up: 'ALTER TABLE notes RENAME TO remarks; CREATE VIEW notes AS SELECT * FROM remarks',
    rule: 'sqlite-rename-table',
  },
  {
    name: 'drop view',
    before: `${BASE} CREATE VIEW named AS SELECT id, name FROM users;`,
    up: 'DROP VIEW named',
    rule: 'sqlite-drop-view',
  },
  {
    name: 'drop unique index',
    before: `${BASE} CREATE UNIQUE INDEX users_mail ON users (email);`,
    up: 'DROP INDEX users_mail',
    rule: 'sqlite-drop-unique',
  },
  {
    name: 'a new column that inserts do not know',
    up: rebuild({
      columns: `${NOTES}, owner INTEGER NOT NULL`,
      copy: 'INSERT INTO notes_new SELECT id, kind, text, score, 0 FROM notes;',
    }),
    rule: 'sqlite-required-column',
  },

  {
    name: 'NOT NULL without default',
    up: 'ALTER TABLE users ADD COLUMN role TEXT NOT NULL',
    rule: 'sqlite-add-column-not-null',
  },
  {
    name: 'NOT NULL with default NULL',
    up: 'ALTER TABLE users ADD role TEXT DEFAULT NULL NOT NULL',
    rule: 'sqlite-add-column-not-null',
  },
  {
    name: 'CURRENT_TIMESTAMP',
    up: 'ALTER TABLE users ADD COLUMN at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP',
    rule: 'sqlite-add-column-default',
  },
  {
    name: 'an expression as default',
    up: `ALTER TABLE users ADD COLUMN at TEXT DEFAULT (datetime('now'))`,
    rule: 'sqlite-add-column-default',
  },
  {
    name: 'a random default',
    up: 'ALTER TABLE users ADD COLUMN token BLOB DEFAULT (randomblob(16))',
    rule: 'sqlite-add-column-default',
  },
  {
    name: 'a CHECK that the default breaks',
    up: 'ALTER TABLE users ADD COLUMN n INTEGER DEFAULT 0 CHECK (n > 0)',
    rule: 'sqlite-new-check',
  },
  {
    name: 'a unique column',
    up: 'ALTER TABLE users ADD COLUMN code TEXT UNIQUE',
    rule: 'sqlite-add-column-refused',
  },
  {
    name: 'a primary key column',
    up: 'ALTER TABLE users ADD COLUMN code INTEGER PRIMARY KEY',
    rule: 'sqlite-add-column-refused',
  },
  {
    name: 'a stored column',
    up: 'ALTER TABLE users ADD COLUMN low TEXT AS (lower(name)) STORED',
    rule: 'sqlite-add-column-refused',
  },
  {
    name: 'a foreign key with a default',
    up: 'ALTER TABLE notes ADD COLUMN owner INTEGER DEFAULT 1 REFERENCES users (id)',
    rule: 'sqlite-add-column-references',
  },
  {
    name: 'drop column, indexed',
    up: 'ALTER TABLE posts DROP COLUMN author',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'drop column, primary key',
    up: 'ALTER TABLE notes DROP COLUMN id',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'drop column, unique',
    before: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT UNIQUE);',
    up: 'ALTER TABLE a DROP COLUMN b',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'drop column, in a CHECK of the table',
    before: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b INT, c INT, CHECK (b < c));',
    up: 'ALTER TABLE a DROP COLUMN b',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'drop column, in a view',
    before: `${LOGS} CREATE VIEW levels AS SELECT level FROM logs;`,
    up: 'ALTER TABLE logs DROP COLUMN level',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'drop column, in a trigger',
    before: `${LOGS} CREATE TRIGGER t AFTER INSERT ON logs BEGIN UPDATE logs SET level = 'x' WHERE id = NEW.id; END;`,
    up: 'ALTER TABLE logs DROP COLUMN level',
    rule: 'sqlite-breaks-view',
  },
  {
    name: 'drop column, in a generated one',
    before: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT, c TEXT AS (lower(b)));',
    up: 'ALTER TABLE a DROP COLUMN b',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'drop column, in a foreign key of the table',
    before: `${BASE} CREATE TABLE c (id INTEGER PRIMARY KEY, u INTEGER, FOREIGN KEY (u) REFERENCES users (id));`,
    up: 'ALTER TABLE c DROP COLUMN u',
    rule: 'sqlite-drop-column-in-use',
  },
  {
    name: 'a rename under a view',
    before: `${BASE} CREATE VIEW kinds AS SELECT DISTINCT kind FROM notes;`,
    up: rebuild(),
    rule: 'sqlite-rename-blocked',
  },
  {
    name: 'a rename under a trigger of another table',
    before: `${BASE} CREATE TRIGGER t AFTER INSERT ON users BEGIN INSERT INTO notes (text) VALUES (NEW.name); END;`,
    up: rebuild(),
    rule: 'sqlite-rename-blocked',
  },
  {
    name: 'words of PostgreSQL',
    up: 'ALTER TABLE users ADD COLUMN IF NOT EXISTS phone TEXT',
    rule: 'sqlite-fails',
  },
  { name: 'TRUNCATE', up: 'TRUNCATE users', rule: 'sqlite-fails' },
  { name: 'CONCURRENTLY', up: 'CREATE INDEX CONCURRENTLY i ON users (email)', rule: 'sqlite-fails' },
  { name: 'a table that is there', up: 'CREATE TABLE users (id INTEGER)', rule: 'sqlite-fails' },
  {
    name: 'a transaction of its own',
    up: 'BEGIN; CREATE TABLE a (id INTEGER); COMMIT;',
    rule: 'sqlite-fails',
  },
  {
    name: 'a text in double quotes',
    up: 'UPDATE users SET name = "root" WHERE id = 1',
    rule: 'sqlite-double-quotes',
  },
  {
    name: 'a column of the new table in the copy',
    up: rebuild({
      columns: NOTES.replace('text', 'content'),
      copy: 'INSERT INTO notes_new (id, kind, content, score) SELECT "id", "kind", "content", "score" FROM "notes";',
    }),
    rule: 'sqlite-double-quotes',
  },
  { name: 'VACUUM in a transaction', up: 'vacuum', rule: 'sqlite-vacuum-in-transaction' },
  {
    name: 'a unique index over what is there',
    up: 'CREATE UNIQUE INDEX users_email ON users (email)',
    rule: 'sqlite-new-unique',
  },
  {
    name: 'a unique index over an expression',
    up: 'CREATE UNIQUE INDEX users_low ON users (lower(name))',
    rule: 'sqlite-new-unique',
  },
  {
    name: 'UNIQUE by a rebuild',
    up: rebuild({ columns: NOTES.replace('text TEXT', 'text TEXT UNIQUE') }),
    rule: 'sqlite-new-unique',
  },
  {
    name: 'NOT NULL by a rebuild',
    up: rebuild({ columns: NOTES.replace('text TEXT', 'text TEXT NOT NULL') }),
    rule: 'sqlite-new-not-null',
  },
  {
    name: 'a CHECK by a rebuild',
    up: rebuild({ columns: NOTES.replace('score REAL', 'score REAL CHECK (score BETWEEN 0 AND 5)') }),
    rule: 'sqlite-new-check',
  },
  { name: 'STRICT by a rebuild', up: rebuild({ options: ' STRICT' }), rule: 'sqlite-strict-conversion' },
  {
    name: 'IF NOT EXISTS keeps a table',
    up: 'CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, content TEXT)',
    rule: 'sqlite-if-not-exists',
  },
  {
    name: 'IF NOT EXISTS keeps an index',
    up: 'CREATE INDEX IF NOT EXISTS posts_author ON posts (author, title)',
    rule: 'sqlite-if-not-exists',
  },
  {
    name: 'IF NOT EXISTS keeps a view',
    before: `${BASE} CREATE VIEW named AS SELECT id FROM users;`,
    up: 'CREATE VIEW IF NOT EXISTS named AS SELECT id, name FROM users',
    rule: 'sqlite-if-not-exists',
  },

  { name: 'a rebuild with children that cascade', up: USERS, rule: 'sqlite-rebuild-referenced' },
  {
    name: 'with children that are set NULL',
    before: BASE.replace(
      'NOT NULL REFERENCES users (id) ON DELETE CASCADE',
      'REFERENCES users ON DELETE SET NULL',
    ),
    up: USERS,
    rule: 'sqlite-rebuild-referenced',
  },
  {
    name: 'with children that refuse',
    before: BASE.replace('ON DELETE CASCADE', ''),
    up: USERS,
    rule: 'sqlite-rebuild-referenced',
  },
  {
    name: 'with defer_foreign_keys',
    up: `PRAGMA defer_foreign_keys = ON; ${USERS}`,
    rule: 'sqlite-rebuild-referenced',
  },
  {
    name: 'with foreign_keys off, in the transaction',
    up: `PRAGMA foreign_keys=OFF; ${USERS} PRAGMA foreign_keys=ON;`,
    rule: 'sqlite-foreign-keys-pragma',
  },
  {
    name: 'foreign_keys as a call',
    up: `PRAGMA foreign_keys(0); ${rebuild()}`,
    rule: 'sqlite-foreign-keys-pragma',
  },
  {
    name: 'a table that refers to itself',
    before:
      'CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER REFERENCES tree (id) ON DELETE CASCADE, name TEXT);',
    up: `CREATE TABLE tree_new (id INTEGER PRIMARY KEY, up INTEGER REFERENCES tree (id) ON DELETE CASCADE, name TEXT, x TEXT);
    INSERT INTO tree_new (id, up, name) SELECT id, up, name FROM tree; DROP TABLE tree; ALTER TABLE tree_new RENAME TO tree;`,
    rule: 'sqlite-rebuild-referenced',
  },
  {
    name: 'the old table renamed first',
    up: `ALTER TABLE users RENAME TO users_old; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, age INTEGER DEFAULT 0);
    INSERT INTO users SELECT * FROM users_old; DROP TABLE users_old;`,
    rule: 'sqlite-rename-old-first',
  },
  {
    name: 'the old table renamed first and kept',
    up: `ALTER TABLE "users" RENAME TO "_users_old"; CREATE TABLE "users" (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, age INTEGER DEFAULT 0);
    INSERT INTO "users" SELECT * FROM "_users_old";`,
    rule: 'sqlite-rename-old-first',
  },
  { name: 'the index is forgotten', up: rebuild({ end: '' }), rule: 'sqlite-rebuild-forgets' },
  {
    name: 'the index comes back over another column',
    up: rebuild({ end: 'CREATE INDEX notes_kind ON notes (text)' }),
    rule: 'sqlite-rebuild-forgets',
  },
  {
    name: 'the trigger is forgotten',
    before: `${BASE} CREATE TRIGGER seen AFTER INSERT ON notes BEGIN UPDATE users SET age = 0 WHERE id = NEW.id; END;`,
    up: rebuild(),
    rule: 'sqlite-rebuild-forgets',
  },
  {
    name: 'the foreign key is forgotten',
    up: `CREATE TABLE posts_new (id INTEGER PRIMARY KEY, author INTEGER NOT NULL, title TEXT, body TEXT, at TEXT);
    INSERT INTO posts_new (id, author, title, body) SELECT id, author, title, body FROM posts; DROP TABLE posts; ALTER TABLE posts_new RENAME TO posts; CREATE INDEX posts_author ON posts (author);`,
    rule: 'sqlite-rebuild-forgets-clause',
  },
  {
    name: 'the collation is forgotten',
    before: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT COLLATE NOCASE);',
    up: 'CREATE TABLE n (id INTEGER PRIMARY KEY, b TEXT, c TEXT); INSERT INTO n (id, b) SELECT id, b FROM a; DROP TABLE a; ALTER TABLE n RENAME TO a;',
    rule: 'sqlite-rebuild-forgets-clause',
  },
  {
    name: 'WITHOUT ROWID is forgotten',
    before: 'CREATE TABLE a (k TEXT PRIMARY KEY NOT NULL, b TEXT) WITHOUT ROWID;',
    up: 'CREATE TABLE n (k TEXT PRIMARY KEY NOT NULL, b TEXT, c TEXT); INSERT INTO n (k, b) SELECT k, b FROM a; DROP TABLE a; ALTER TABLE n RENAME TO a;',
    rule: 'sqlite-rebuild-forgets-clause',
  },
  {
    name: 'all is forgotten by CREATE TABLE AS',
    before: LOGS,
    up: 'CREATE TABLE n AS SELECT * FROM logs; DROP TABLE logs; ALTER TABLE n RENAME TO logs;',
    rule: 'sqlite-rebuild-forgets-clause',
  },
  {
    name: 'the default is forgotten',
    up: rebuild({ columns: NOTES.replace(` DEFAULT 'plain'`, '') }),
    rule: 'sqlite-rebuild-forgets-clause',
  },
  {
    name: 'AUTOINCREMENT is forgotten',
    up: 'CREATE TABLE n (id INTEGER PRIMARY KEY, label TEXT NOT NULL); INSERT INTO n SELECT * FROM tags; DROP TABLE tags; ALTER TABLE n RENAME TO tags;',
    rule: 'sqlite-rebuild-forgets-clause',
  },
  {
    name: 'the counter is forgotten',
    up: 'CREATE TABLE n (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, hue TEXT); INSERT INTO n (id, label) SELECT id, label FROM tags; DROP TABLE tags; ALTER TABLE n RENAME TO tags;',
    rule: 'sqlite-autoincrement-reset',
  },
  {
    name: 'SELECT * in another order',
    up: rebuild({
      columns: `id INTEGER PRIMARY KEY, text TEXT, kind TEXT DEFAULT 'plain', score REAL`,
      copy: 'INSERT INTO notes_new SELECT * FROM notes;',
    }),
    rule: 'sqlite-rebuild-swaps-values',
  },
  {
    name: 'two lists that differ',
    before: LOGS,
    up: 'CREATE TABLE n (id INTEGER PRIMARY KEY, level TEXT, message TEXT, at TEXT, x TEXT); INSERT INTO n (id, level, message, at) SELECT id, message, level, at FROM logs; DROP TABLE logs; ALTER TABLE n RENAME TO logs;',
    rule: 'sqlite-rebuild-swaps-values',
  },
  {
    name: 'a column is left out of the copy',
    up: rebuild({ copy: 'INSERT INTO notes_new (id, kind, text) SELECT id, kind, text FROM notes;' }),
    rule: 'sqlite-rebuild-loses-values',
  },
  {
    name: 'a literal in the place of a column',
    up: rebuild({ copy: copyNotes.replace('notes.text', `'text'`) }),
    rule: 'sqlite-rebuild-loses-values',
  },
  {
    name: 'CAST makes 0',
    up: rebuild({
      columns: NOTES.replace('text TEXT', 'text INTEGER'),
      copy: copyNotes.replace('notes.text', 'CAST(notes.text AS INTEGER)'),
    }),
    rule: 'sqlite-cast-loses-values',
  },
  {
    name: 'CAST cuts off',
    up: rebuild({
      columns: NOTES.replace('score REAL', 'score INTEGER'),
      copy: copyNotes.replace('notes.score', 'CAST(notes.score AS INT)'),
    }),
    rule: 'sqlite-cast-loses-values',
  },
  {
    name: 'OR IGNORE passes over rows',
    up: rebuild({
      columns: NOTES.replace('text TEXT', 'text TEXT UNIQUE'),
      copy: copyNotes.replace('INSERT', 'INSERT OR IGNORE'),
    }),
    rule: 'sqlite-rebuild-loses-rows',
  },
  {
    name: 'OR REPLACE merges rows',
    up: rebuild({
      columns: NOTES.replace('text TEXT', 'text TEXT UNIQUE'),
      copy: copyNotes.replace('INSERT', 'REPLACE'),
    }),
    rule: 'sqlite-rebuild-loses-rows',
  },
  {
    name: 'OR IGNORE without need',
    up: rebuild({ copy: copyNotes.replace('INSERT', 'INSERT OR IGNORE') }),
    rule: 'sqlite-copy-ignores',
  },
  {
    name: 'the copy leaves rows out',
    up: rebuild({ copy: copyNotes.replace(';', ' WHERE notes.text IS NOT NULL;') }),
    rule: 'sqlite-rebuild-loses-rows',
  },
  {
    name: 'the copy leaves rows out by a join',
    up: `CREATE TABLE posts_new (id INTEGER PRIMARY KEY, author INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE, title TEXT, body TEXT);
    INSERT INTO posts_new SELECT p.id, p.author, p.title, p.body FROM posts p JOIN users u ON u.id = p.author AND u.email <> ''; DROP TABLE posts; ALTER TABLE posts_new RENAME TO posts; CREATE INDEX posts_author ON posts (author);`,
    rule: 'sqlite-rebuild-loses-rows',
  },
  { name: 'nothing is copied', up: rebuild({ copy: '' }), rule: 'sqlite-rebuild-loses-rows' },
  {
    name: 'a rebuild outside a transaction',
    up: `-- migrate: no-transaction\nPRAGMA foreign_keys = OFF;\n${rebuild()}`,
    rule: 'sqlite-rebuild-outside-transaction',
  },
  {
    name: 'a view is left behind',
    before: `${BASE} CREATE VIEW kinds AS SELECT DISTINCT kind FROM notes;`,
    up: 'DROP TABLE notes',
    rule: 'sqlite-breaks-view',
  },
  {
    name: 'a trigger is left behind',
    before: `${BASE} CREATE TRIGGER t AFTER INSERT ON users BEGIN INSERT INTO notes (text) VALUES (NEW.name); END;`,
    up: 'DROP TABLE notes',
    rule: 'sqlite-breaks-view',
  },
  {
    name: 'a foreign key to what is not unique',
    up: 'CREATE TABLE mails (id INTEGER PRIMARY KEY, mail TEXT REFERENCES users (email))',
    rule: 'sqlite-foreign-key-target',
  },
  {
    name: 'a foreign key to a part of a key',
    before: 'CREATE TABLE a (x INT, y INT, PRIMARY KEY (x, y));',
    up: 'CREATE TABLE b (id INTEGER PRIMARY KEY, x INT REFERENCES a (x))',
    rule: 'sqlite-foreign-key-target',
  },
  {
    name: 'a foreign key to a table that is not there',
    up: 'ALTER TABLE notes ADD COLUMN owner INTEGER REFERENCES owners (id)',
    rule: 'sqlite-foreign-key-target',
  },
  {
    name: 'the unique index of a foreign key is dropped',
    before: `${BASE} CREATE UNIQUE INDEX users_mail ON users (email); CREATE TABLE mails (id INTEGER PRIMARY KEY, mail TEXT REFERENCES users (email));`,
    up: 'DROP INDEX users_mail',
    rule: 'sqlite-foreign-key-target',
  },

  { name: 'UPDATE of all', up: `UPDATE users SET email = lower(email)`, rule: 'sqlite-whole-table-write' },
  {
    name: 'UPDATE of all, with a tautology',
    up: `UPDATE users SET age = 1 WHERE 1 = 1`,
    rule: 'sqlite-whole-table-write',
  },
  {
    name: 'UPDATE of all by a condition that all meet',
    up: `UPDATE users SET age = 1 WHERE id > 0`,
    rule: 'sqlite-whole-table-write',
  },
  {
    name: 'a new column is filled',
    up: `ALTER TABLE users ADD COLUMN slug TEXT; UPDATE users SET slug = lower(name) WHERE slug IS NULL;`,
    rule: 'sqlite-whole-table-write',
  },
  {
    name: 'UPDATE of all from another table',
    up: `UPDATE posts SET title = (SELECT name FROM users WHERE users.id = posts.author)`,
    rule: 'sqlite-whole-table-write',
  },
  { name: 'DELETE of all', up: 'DELETE FROM notes', rule: 'sqlite-whole-table-write' },
  {
    name: 'DELETE of all, where true',
    up: 'delete from main.notes where true',
    rule: 'sqlite-whole-table-write',
  },
  {
    name: 'REPLACE into a parent',
    up: `REPLACE INTO users (id, name) VALUES (1, 'admin')`,
    rule: 'sqlite-replace-cascades',
  },
  { name: 'journal_mode in a transaction', up: 'PRAGMA journal_mode = WAL', rule: 'sqlite-journal-mode' },
  { name: 'journal_mode as a call', up: 'PRAGMA main.journal_mode(wal)', rule: 'sqlite-journal-mode' },
  {
    name: 'writable_schema',
    up: `PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'TEXT', 'BLOB') WHERE name = 'notes'; PRAGMA writable_schema = 0;`,
    rule: 'sqlite-unsafe-pragma',
  },
  {
    name: 'journal off',
    up: '-- migrate: no-transaction\nPRAGMA journal_mode = OFF',
    rule: 'sqlite-unsafe-pragma',
  },

  {
    name: 'down adds NOT NULL without default',
    before: 'CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT NOT NULL);',
    up: 'CREATE TABLE c (id INTEGER PRIMARY KEY)',
    down: 'DROP TABLE c; ALTER TABLE a ADD COLUMN d TEXT NOT NULL',
    rule: 'sqlite-add-column-not-null',
  },
  {
    name: 'down drops what was there before',
    up: 'CREATE TABLE c (id INTEGER PRIMARY KEY)',
    down: 'DROP TABLE c; DROP TABLE notes',
    rule: 'sqlite-drop-table',
  },
  {
    name: 'down forgets the index',
    up: 'ALTER TABLE notes ADD COLUMN x TEXT',
    down: rebuild({ end: '' }),
    rule: 'sqlite-rebuild-forgets',
  },
  {
    name: 'down fails',
    up: 'ALTER TABLE notes ADD COLUMN x TEXT; CREATE INDEX notes_x ON notes (x)',
    down: 'ALTER TABLE notes DROP COLUMN x',
    rule: 'sqlite-drop-column-in-use',
  },
]

export const CASES: readonly Case[] = [...SAFE, ...HAZARDS].map((one) => ({ before: BASE, ...one }))
