import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { LOCKS } from '../../../src/core/lint/effect.ts'
import { effectsOf } from '../../../src/core/lint/postgres/effects.ts'
import { opened } from '../../../src/core/lint/postgres/statement.ts'
import { cut } from '../../../src/database/postgres/script.ts'
import { catalogAfter } from './read.ts'

const SHORT = ['AS', 'RS', 'RX', 'SUE', 'S', 'SRE', 'X', 'AX']

/** What is there before each form. */
const BEFORE = `
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN free AS int;
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION stable_fn() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE FUNCTION volatile_fn() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE SEQUENCE sq;
CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE);
CREATE TABLE t (id bigserial PRIMARY KEY, a int, b int NOT NULL, v10 varchar(10), v20 varchar(20), txt text, c5 char(5),
  n numeric(10,2), ts timestamp, ts3 timestamp(3), iv interval(2), ci cidr, js jsonb, vb varbit(4), d date, big bigint,
  CONSTRAINT b_check CHECK (b > 0));
CREATE INDEX t_a_idx ON t (a);
CREATE INDEX t_v10_idx ON t (v10);
CREATE TABLE child (id int PRIMARY KEY, parent_id int CONSTRAINT child_fk REFERENCES parent, code int);
CREATE TABLE ul (id int, k int NOT NULL);
CREATE UNIQUE INDEX ul_id ON ul (id);
CREATE UNIQUE INDEX ul_k ON ul (k);
CREATE TABLE usesdom (id int PRIMARY KEY, f free, p positive);
CREATE TABLE usesenum (id int PRIMARY KEY, m mood);
CREATE TABLE gen (id int PRIMARY KEY, a int, g int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE ident (id int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE part (id int, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE part_def PARTITION OF part DEFAULT;
CREATE TABLE part_2 (id int, day date NOT NULL);
CREATE TABLE inh_parent (id int);
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
CREATE UNIQUE INDEX mv_id ON mv (id);
CREATE VIEW v AS SELECT a FROM t;`

/** A form, and what it does: the table, its lock, and whether it is read or written anew. */
const FORMS: readonly (readonly [sql: string, effects: string, before?: string])[] = [
  ['ALTER TABLE t ADD COLUMN c int', 't=AX'],
  ['ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0', 't=AX'],
  ['ALTER TABLE t ADD COLUMN c timestamptz NOT NULL DEFAULT now()', 't=AX'],
  ['ALTER TABLE t ADD COLUMN c timestamptz DEFAULT CURRENT_TIMESTAMP', 't=AX'],
  ["ALTER TABLE t ADD COLUMN c text DEFAULT 'x'::text", 't=AX'],
  ["ALTER TABLE t ADD COLUMN c jsonb DEFAULT '{}'::jsonb", 't=AX'],
  ['ALTER TABLE t ADD COLUMN c int DEFAULT stable_fn()', 't=AX'],
  ['ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp()', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c float DEFAULT random()', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c int DEFAULT volatile_fn()', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c int DEFAULT nobody_knows()', 't=AX rewrite'],
  ["ALTER TABLE t ADD COLUMN c int DEFAULT nextval('sq')", 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c serial', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c bigserial', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS IDENTITY', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) STORED', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a + 1) VIRTUAL', 't=AX'],
  ['ALTER TABLE t ADD COLUMN c int CHECK (c > 0)', 't=AX scan'],
  ['ALTER TABLE t ADD COLUMN c int DEFAULT 1 CHECK (c > 0)', 't=AX scan'],
  ['ALTER TABLE t ADD COLUMN c int UNIQUE', 't=AX scan'],
  ['ALTER TABLE t ADD COLUMN c int REFERENCES parent', 'parent=SRE, t=AX'],
  ['ALTER TABLE t ADD COLUMN c int DEFAULT 1 REFERENCES parent', 'parent=SRE scan, t=AX scan'],
  ['ALTER TABLE t ADD COLUMN c int DEFAULT NULL REFERENCES parent', 'parent=SRE, t=AX'],
  ['ALTER TABLE t ADD COLUMN c free', 't=AX'],
  ['ALTER TABLE t ADD COLUMN c positive', 't=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c positive DEFAULT 1', 't=AX rewrite'],
  ['ALTER TABLE part ADD COLUMN c int', 'part=AX, part_1=AX, part_def=AX'],
  ['ALTER TABLE t ADD COLUMN IF NOT EXISTS a int DEFAULT random()', ''],
  ['ALTER TABLE t DROP COLUMN a', 't=AX'],
  ['ALTER TABLE child DROP COLUMN parent_id', 'child=AX, parent=AX'],
  ['DROP TABLE ul', 'ul=AX'],
  ['DROP TABLE child', 'child=AX, parent=AX'],
  ['DROP TABLE parent CASCADE', 'child=AX, parent=AX'],
  ['TRUNCATE ul', 'ul=AX'],
  ['TRUNCATE parent CASCADE', 'child=AX, parent=AX'],
  ['ALTER TABLE t ALTER v10 TYPE varchar(20)', 't=AX'],
  ['ALTER TABLE t ALTER v10 TYPE text', 't=AX'],
  ['ALTER TABLE t ALTER v10 SET DATA TYPE varchar', 't=AX'],
  ['ALTER TABLE t ALTER v20 TYPE varchar(10)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER txt TYPE varchar', 't=AX'],
  ['ALTER TABLE t ALTER txt TYPE varchar(50)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER txt TYPE char(10)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER c5 TYPE text', 't=AX rewrite'],
  ['ALTER TABLE t ALTER c5 TYPE char(10)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER a TYPE bigint', 't=AX rewrite'],
  ['ALTER TABLE t ALTER a TYPE int4', 't=AX'],
  ['ALTER TABLE parent ALTER id TYPE bigint', 'child=AX scan, parent=AX rewrite'],
  ['ALTER TABLE t ALTER big TYPE int', 't=AX rewrite'],
  ['ALTER TABLE t ALTER n TYPE numeric(12,2)', 't=AX'],
  ['ALTER TABLE t ALTER n TYPE decimal', 't=AX'],
  ['ALTER TABLE t ALTER n TYPE numeric(12,4)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER n TYPE numeric(8,2)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER n TYPE numeric(12)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER ts TYPE timestamptz', 't=AX rewrite'],
  ["SET timezone = 'UTC'; ALTER TABLE t ALTER ts TYPE timestamptz", 't=AX'],
  ["SET LOCAL TIME ZONE 'UTC'; ALTER TABLE t ALTER ts TYPE timestamp with time zone", 't=AX'],
  ['ALTER TABLE t ALTER ts3 TYPE timestamp', 't=AX'],
  ['ALTER TABLE t ALTER ts3 TYPE timestamp(6)', 't=AX'],
  ['ALTER TABLE t ALTER ts TYPE timestamp(3)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER ts TYPE timestamp(6)', 't=AX'],
  ['ALTER TABLE t ALTER iv TYPE interval(4)', 't=AX'],
  ['ALTER TABLE t ALTER ci TYPE inet', 't=AX'],
  ['ALTER TABLE t ALTER d TYPE timestamp', 't=AX rewrite'],
  ['ALTER TABLE t ALTER js TYPE json', 't=AX rewrite'],
  ['ALTER TABLE t ALTER js TYPE text USING js::text', 't=AX rewrite'],
  ['ALTER TABLE t ALTER txt TYPE int USING txt::int', 't=AX rewrite'],
  ['ALTER TABLE t ALTER v10 TYPE text USING v10::text', 't=AX'],
  ['ALTER TABLE t ALTER txt TYPE text USING lower(txt)', 't=AX rewrite'],
  ['ALTER TABLE t ALTER v10 TYPE text COLLATE "C"', 't=AX scan'],
  ['ALTER TABLE t ALTER txt TYPE text COLLATE "C"', 't=AX'],
  ['ALTER TABLE t ALTER vb TYPE varbit(8)', 't=AX'],
  ['ALTER TABLE t ALTER a TYPE free', 't=AX'],
  ['ALTER TABLE t ALTER a TYPE positive', 't=AX rewrite'],
  ['ALTER TABLE child ALTER parent_id TYPE free', 'child=AX, parent=AX'],
  ['ALTER TABLE usesenum ALTER m TYPE text', 'usesenum=AX rewrite'],
  ['ALTER TABLE t ALTER b TYPE free', 't=AX scan'],
  ['ALTER TABLE nobody ALTER a TYPE text', 'nobody=AX rewrite'],
  ['ALTER TABLE t ADD COLUMN c int, ADD CHECK (a > 0) NOT VALID, ALTER a SET STATISTICS 5', 't=AX'],
  [
    'ALTER TABLE t VALIDATE CONSTRAINT ck, ALTER a SET STATISTICS 5',
    't=SUE scan',
    'ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;',
  ],
  ['ALTER TABLE t ALTER a SET NOT NULL', 't=AX scan'],
  ['ALTER TABLE t ALTER a SET NOT NULL', 't=AX', 'ALTER TABLE t ADD CHECK (a IS NOT NULL);'],
  ['ALTER TABLE t ALTER a SET NOT NULL', 't=AX', 'ALTER TABLE t ADD CHECK (a > 0 AND (a IS NOT NULL));'],
  ['ALTER TABLE t ALTER a SET NOT NULL', 't=AX scan', 'ALTER TABLE t ADD CHECK (a > 0 OR a IS NOT NULL);'],
  ['ALTER TABLE t ALTER a SET NOT NULL', 't=AX scan', 'ALTER TABLE t ADD CHECK (a IS NOT NULL) NOT VALID;'],
  [
    'ALTER TABLE t ALTER a SET NOT NULL',
    't=AX',
    'ALTER TABLE t ADD CONSTRAINT n CHECK (a IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT n;',
  ],
  ['ALTER TABLE t ALTER b SET NOT NULL', 't=AX'],
  ['ALTER TABLE t ALTER b DROP NOT NULL', 't=AX'],
  ['ALTER TABLE t ALTER a SET DEFAULT 5', 't=AX'],
  ['ALTER TABLE t ALTER a DROP DEFAULT', 't=AX'],
  ['ALTER TABLE t ALTER a SET STATISTICS 100', 't=SUE'],
  ['ALTER TABLE t ALTER a SET (n_distinct = 5)', 't=SUE'],
  ['ALTER TABLE t ALTER txt SET STORAGE external', 't=AX'],
  ['ALTER TABLE t ALTER txt SET COMPRESSION pglz', 't=AX'],
  ['ALTER TABLE t ALTER b ADD GENERATED ALWAYS AS IDENTITY', 't=AX'],
  ['ALTER TABLE ident ALTER id DROP IDENTITY', 'ident=AX'],
  ['ALTER TABLE ident ALTER id SET GENERATED BY DEFAULT RESTART', 'ident=AX'],
  ['ALTER TABLE gen ALTER g DROP EXPRESSION', 'gen=AX'],
  ['ALTER TABLE gen ALTER g SET EXPRESSION AS (a * 3)', 'gen=AX rewrite'],
  ['ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0)', 't=AX scan'],
  ['ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID', 't=AX'],
  ['ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT ENFORCED', 't=AX'],
  [
    'ALTER TABLE t VALIDATE CONSTRAINT ck',
    't=SUE scan',
    'ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0) NOT VALID;',
  ],
  ['ALTER TABLE t VALIDATE CONSTRAINT b_check', 't=SUE'],
  ['ALTER TABLE t ADD CONSTRAINT nn NOT NULL a', 't=AX scan'],
  ['ALTER TABLE t ADD CONSTRAINT nn NOT NULL a NOT VALID', 't=AX'],
  [
    'ALTER TABLE t VALIDATE CONSTRAINT nn',
    't=SUE scan',
    'ALTER TABLE t ADD CONSTRAINT nn NOT NULL a NOT VALID;',
  ],
  ['ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES parent', 'parent=SRE scan, t=SRE scan'],
  ['ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES parent NOT VALID', 'parent=SRE, t=SRE'],
  ['ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES parent NOT ENFORCED', 'parent=SRE, t=SRE'],
  [
    'ALTER TABLE t VALIDATE CONSTRAINT fk',
    'parent=RS scan, t=SUE scan',
    'ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES parent NOT VALID;',
  ],
  ['ALTER TABLE t ADD UNIQUE (a)', 't=AX scan'],
  ['ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (a)', 't=AX scan'],
  ['ALTER TABLE ul ADD CONSTRAINT u UNIQUE USING INDEX ul_id', 'ul=AX'],
  ['ALTER TABLE ul ADD PRIMARY KEY (id)', 'ul=AX scan'],
  ['ALTER TABLE ul ADD PRIMARY KEY USING INDEX ul_k', 'ul=AX'],
  ['ALTER TABLE ul ADD PRIMARY KEY USING INDEX ul_id', 'ul=AX scan'],
  ['ALTER TABLE t ADD EXCLUDE USING gist (a WITH =)', 't=AX scan'],
  ['ALTER TABLE t DROP CONSTRAINT b_check', 't=AX'],
  ['ALTER TABLE child DROP CONSTRAINT child_fk', 'child=AX, parent=AX'],
  ['ALTER TABLE child ALTER CONSTRAINT child_fk DEFERRABLE', 'child=AX'],
  ['ALTER TABLE t RENAME CONSTRAINT b_check TO c', 't=AX'],
  ['ALTER TABLE t RENAME COLUMN a TO z', 't=AX'],
  ['ALTER TABLE t RENAME TO z', 't=AX'],
  ['ALTER TABLE t SET SCHEMA other', 't=AX'],
  ['ALTER INDEX t_a_idx RENAME TO z', ''],
  ['ALTER VIEW v RENAME TO w', ''],
  ['ALTER TABLE t OWNER TO CURRENT_USER', 't=AX'],
  ["COMMENT ON TABLE t IS 'x'", 't=SUE'],
  ["COMMENT ON COLUMN t.a IS 'x'", 't=SUE'],
  ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", ''],
  ["ALTER TYPE mood ADD VALUE 'new'", ''],
  ['ALTER DOMAIN free ADD CHECK (VALUE > 0)', 'usesdom=S scan'],
  ['ALTER DOMAIN free ADD CHECK (VALUE > 0) NOT VALID', ''],
  ['ALTER DOMAIN free VALIDATE CONSTRAINT x', 'usesdom=S scan'],
  ['ALTER DOMAIN free SET NOT NULL', 'usesdom=S scan'],
  ['ALTER DOMAIN free DROP NOT NULL', ''],
  ['CREATE INDEX ON t (b)', 't=S scan'],
  ['CREATE UNIQUE INDEX ON t (b)', 't=S scan'],
  ['CREATE INDEX CONCURRENTLY ON t (b)', 't=SUE scan'],
  ['CREATE INDEX IF NOT EXISTS t_a_idx ON t (a)', ''],
  ['DROP INDEX t_a_idx', 't=AX'],
  ['DROP INDEX CONCURRENTLY t_a_idx', 't=SUE'],
  ['REINDEX INDEX t_a_idx', 't=S scan'],
  ['REINDEX TABLE t', 't=S scan'],
  ['REINDEX (CONCURRENTLY) TABLE t', 't=SUE scan'],
  ['CREATE INDEX ON part (day)', 'part=S scan, part_1=S scan, part_def=S scan'],
  ['CREATE INDEX ON ONLY part (day)', 'part=S'],
  [
    "ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
    'part=SUE, part_2=AX scan, part_def=AX scan',
  ],
  [
    "ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
    'part=SUE, part_2=AX, part_def=AX',
    `ALTER TABLE part_2 ADD CHECK (day >= '2022-01-01'::date AND day < '2023-01-01'::date);
     ALTER TABLE part_def ADD CHECK (day < '2022-01-01' OR day >= '2023-01-01');`,
  ],
  ['ALTER TABLE part DETACH PARTITION part_1', 'part=AX, part_1=AX, part_def=AX'],
  [
    "CREATE TABLE part_3 PARTITION OF part FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
    'part=AX, part_def=AX scan',
  ],
  ['DROP TABLE part_1', 'part=AX, part_1=AX, part_def=AX'],
  ['ALTER TABLE ul INHERIT inh_parent', 'inh_parent=SUE, ul=AX'],
  ['ALTER TABLE ul NO INHERIT inh_parent', 'inh_parent=AS, ul=AX'],
  ['CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()', 't=SRE'],
  ['DROP TRIGGER x ON t', 't=AX'],
  ['ALTER TABLE t DISABLE TRIGGER x', 't=SRE'],
  ['ALTER TABLE t ENABLE TRIGGER ALL', 't=SRE'],
  ['ALTER TABLE t ENABLE ROW LEVEL SECURITY', 't=AX'],
  ['CREATE POLICY p ON t USING (true)', 't=AX'],
  ['CREATE RULE r AS ON INSERT TO ul DO NOTHING', 'ul=AX'],
  ['ALTER TABLE t REPLICA IDENTITY FULL', 't=AX'],
  ['ALTER TABLE t SET (fillfactor = 70)', 't=SUE'],
  ['ALTER TABLE t SET (autovacuum_enabled = false)', 't=SUE'],
  ['ALTER TABLE ul SET UNLOGGED', 'ul=AX rewrite'],
  ['ALTER TABLE ul SET LOGGED', 'ul=AX rewrite'],
  ['ALTER TABLE t CLUSTER ON t_a_idx', 't=SUE'],
  ['CLUSTER t USING t_a_idx', 't=AX rewrite'],
  ['ANALYZE t', 't=SUE'],
  ['VACUUM t', 't=SUE'],
  ['VACUUM FULL t', 't=AX rewrite'],
  ['VACUUM (FULL false) t', 't=SUE'],
  ['REFRESH MATERIALIZED VIEW mv', 'mv=AX rewrite'],
  ['REFRESH MATERIALIZED VIEW CONCURRENTLY mv', 'mv=X scan'],
  ['CREATE OR REPLACE VIEW v AS SELECT a FROM t', 't=AS'],
  ['DROP VIEW v', ''],
  ['CREATE TABLE x (p int REFERENCES parent)', 'parent=SRE'],
  ['CREATE TABLE x (p int, FOREIGN KEY (p) REFERENCES parent (id))', 'parent=SRE'],
  ['CREATE TABLE x AS SELECT * FROM t', 't=AS scan'],
  ['CREATE STATISTICS s ON a, b FROM t', 't=SUE'],
  ['ALTER SEQUENCE sq RESTART', ''],
  ['GRANT SELECT ON t TO PUBLIC', ''],
  ['LOCK TABLE t', 't=AX'],
  ['LOCK TABLE t IN SHARE MODE', 't=S'],
  ['UPDATE t SET a = 1', 't=RX scan'],
  ['UPDATE t SET a = 1 WHERE id = 5', 't=RX'],
  ['WITH x AS (SELECT * FROM parent) DELETE FROM t USING x WHERE t.a = x.id', 'parent=AS, t=RX scan'],
  ['SELECT * FROM t FOR UPDATE', 't=RS scan'],
  ['CREATE PUBLICATION p FOR TABLE t', 't=SUE'],
  ['INSERT INTO t (a, b) VALUES (1, 2)', 't=RX'],
  ['INSERT INTO t (a, b) SELECT id, id FROM parent', 'parent=AS scan, t=RX'],
  ['ALTER TABLE public.t ADD COLUMN c int', 't=AX'],
  ['CREATE TABLE x (a int); CREATE INDEX ON x (a)', ''],
]

describe('the effects of statements, as measured on PostgreSQL 12 to 18', () => {
  for (const [sql, expected, before = ''] of FORMS) {
    test(`${sql}${before && ` after ${before}`}`, async () => {
      const catalog = await catalogAfter(BEFORE + before)
      catalog.begin()
      const statements = await cut({ file: 'form.sql', text: sql })
      for (const { tree } of statements.slice(0, -1)) catalog.apply(tree)
      const effects = effectsOf(opened(statements.at(-1)?.tree ?? {}), catalog)
      const written = effects
        .map(({ table, lock, scan, rewrite }) => {
          const short = SHORT[LOCKS.indexOf(lock as (typeof LOCKS)[number])]
          return `${table}=${short}${rewrite ? ' rewrite' : scan ? ' scan' : ''}`
        })
        .sort()
      assert.equal(written.join(', '), expected)
    })
  }

  test('GRANT reads the table on 18', async () => {
    const [statement] = await cut({ file: 'form.sql', text: 'GRANT SELECT ON t TO PUBLIC' })
    const effects = effectsOf(opened(statement?.tree ?? {}), await catalogAfter(''), 18)
    assert.deepEqual(effects, [{ table: 't', lock: 'ACCESS SHARE', scan: false, rewrite: false }])
  })
})
