/** A migration and what is to be said of it. */
export interface Case {
  readonly name: string
  /** Earlier migrations; where left out, `SHOP`. */
  readonly before?: string
  readonly up: string
  /** Rules of severity error or warning that must hold, no others; empty: it is safe. */
  readonly hazard: readonly string[]
}

/** A small shop, as most cases find it. */
export const SHOP = `
CREATE TYPE status AS ENUM ('new', 'paid');
CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN plain AS text;
CREATE FUNCTION make_token() RETURNS text LANGUAGE sql AS 'SELECT md5(random()::text)';
CREATE FUNCTION shop_name() RETURNS text LANGUAGE sql STABLE AS 'SELECT current_setting(''shop'')';
CREATE TABLE users (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email varchar(255) NOT NULL,
  name varchar(100),
  age integer,
  balance numeric(10,2) NOT NULL DEFAULT 0,
  bio text,
  created_at timestamp NOT NULL DEFAULT now(),
  seen_at timestamptz(3),
  ip cidr,
  settings jsonb,
  CONSTRAINT users_age CHECK (age > 0)
);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE INDEX users_name ON users (name);
CREATE TABLE orders (
  id integer PRIMARY KEY,
  user_id bigint NOT NULL CONSTRAINT orders_user_fk REFERENCES users (id),
  status status NOT NULL DEFAULT 'new',
  total integer,
  note varchar(50),
  code text CONSTRAINT orders_code UNIQUE,
  twice int GENERATED ALWAYS AS (total * 2) STORED
);
CREATE INDEX orders_user_id ON orders (user_id);
CREATE TABLE items (id bigserial PRIMARY KEY, order_id integer REFERENCES orders (id), product_id bigint, sku text);
CREATE INDEX items_order ON items (order_id);
CREATE TABLE products (id bigint PRIMARY KEY, sku text, price int);
CREATE TABLE events (id bigint, at date NOT NULL, payload jsonb) PARTITION BY RANGE (at);
CREATE TABLE events_2023 PARTITION OF events FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE logs (at date NOT NULL, line text) PARTITION BY RANGE (at);
CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
CREATE TABLE loose (id bigint, k bigint NOT NULL);
CREATE UNIQUE INDEX loose_id ON loose (id);
CREATE UNIQUE INDEX loose_k ON loose (k);
CREATE MATERIALIZED VIEW totals AS SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id;
CREATE UNIQUE INDEX totals_user ON totals (user_id);
CREATE VIEW paid AS SELECT * FROM orders;
CREATE TABLE old_carts_del (id bigint PRIMARY KEY);
`

const OUTSIDE = '-- migrate: no-transaction\n'

export const CASES: readonly Case[] = [
  // Indexes.
  {
    name: 'plain index',
    up: 'CREATE INDEX idx_users_age ON users (age);',
    hazard: ['create-index-blocks-writes'],
  },
  {
    name: 'unique index, quoted, with schema',
    up: 'CREATE UNIQUE INDEX IF NOT EXISTS "idx" ON "public"."users" USING btree ("name");',
    hazard: ['create-index-blocks-writes'],
  },
  {
    name: 'Rails index',
    up: 'CREATE INDEX "index_orders_on_status" ON "orders" ("status")',
    hazard: ['create-index-blocks-writes'],
  },
  {
    name: 'partial expression index',
    up: 'create index on users (lower(email)) where age is not null;',
    hazard: ['create-index-blocks-writes'],
  },
  {
    name: 'gin index outside a transaction, but not concurrently',
    up: `${OUTSIDE}CREATE INDEX ON users USING gin (settings);`,
    hazard: ['create-index-blocks-writes'],
  },
  {
    name: 'index on a partitioned table',
    up: 'CREATE INDEX ON events (at);',
    hazard: ['create-index-blocks-writes'],
  },
  {
    name: 'concurrent index',
    up: `${OUTSIDE}CREATE INDEX CONCURRENTLY idx_users_age ON users (age);`,
    hazard: [],
  },
  {
    name: 'concurrent unique index',
    up: `${OUTSIDE}CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u ON products (sku);`,
    hazard: [],
  },
  {
    name: 'index on a table of this migration',
    up: 'CREATE TABLE carts (id bigint PRIMARY KEY, user_id bigint);\nCREATE INDEX carts_user ON carts (user_id);',
    hazard: [],
  },
  {
    name: 'index on a table of this migration with schema',
    up: 'CREATE TABLE public.carts (id bigint PRIMARY KEY, user_id bigint);\nCREATE INDEX carts_user ON carts (user_id);',
    hazard: [],
  },
  {
    name: 'index on a new table that was renamed',
    up: 'CREATE TABLE carts_new (id bigint PRIMARY KEY);\nALTER TABLE carts_new RENAME TO carts;\nCREATE INDEX ON carts (id);',
    hazard: [],
  },
  {
    name: 'index on a table that a query makes',
    up: 'CREATE TABLE adults AS SELECT * FROM users WHERE age > 17;\nCREATE INDEX ON adults (id);',
    hazard: [],
  },
  {
    name: 'index on a temporary table',
    up: 'CREATE TEMP TABLE tmp (id int);\nCREATE INDEX ON tmp (id);',
    hazard: [],
  },
  {
    name: 'index that is there already',
    up: 'CREATE INDEX IF NOT EXISTS users_name ON users (name);',
    hazard: [],
  },
  {
    name: 'index ON ONLY a partitioned table',
    up: 'CREATE INDEX events_at ON ONLY events (at);',
    hazard: [],
  },
  {
    name: 'concurrent index in a transaction',
    up: 'CREATE INDEX CONCURRENTLY idx_users_age ON users (age);',
    hazard: ['concurrently-in-transaction'],
  },
  {
    name: 'concurrent index on a partitioned table',
    up: `${OUTSIDE}CREATE INDEX CONCURRENTLY ON events (at);`,
    hazard: ['concurrently-on-partitioned'],
  },
  { name: 'drop index', up: 'DROP INDEX users_name;', hazard: ['drop-index-locks-table'] },
  {
    name: 'drop index if exists',
    up: 'DROP INDEX IF EXISTS public.users_name;',
    hazard: ['drop-index-locks-table'],
  },
  {
    name: 'drop index concurrently',
    up: `${OUTSIDE}DROP INDEX CONCURRENTLY IF EXISTS users_name;`,
    hazard: [],
  },
  {
    name: 'drop index concurrently in a transaction',
    up: 'DROP INDEX CONCURRENTLY users_name;',
    hazard: ['concurrently-in-transaction'],
  },
  {
    name: 'drop index of a new table',
    up: 'CREATE TABLE carts (id bigint);\nCREATE INDEX i ON carts (id);\nDROP INDEX i;',
    hazard: [],
  },
  { name: 'rename index', up: 'ALTER INDEX users_name RENAME TO users_by_name;', hazard: [] },
  { name: 'rename index by ALTER TABLE', up: 'ALTER TABLE users_name RENAME TO users_by_name;', hazard: [] },
  { name: 'reindex table', up: 'REINDEX TABLE users;', hazard: ['reindex-blocks-writes'] },
  { name: 'reindex index', up: 'REINDEX INDEX users_name;', hazard: ['reindex-blocks-writes'] },
  { name: 'reindex concurrently', up: `${OUTSIDE}REINDEX INDEX CONCURRENTLY users_name;`, hazard: [] },
  {
    name: 'reindex concurrently in parentheses, in a transaction',
    up: 'REINDEX (CONCURRENTLY) TABLE users;',
    hazard: ['concurrently-in-transaction'],
  },
  {
    name: 'reindex database',
    up: `${OUTSIDE}REINDEX SCHEMA public;`,
    hazard: ['reindex-many-blocks-writes'],
  },

  // Foreign keys.
  {
    name: 'foreign key',
    up: 'ALTER TABLE items ADD CONSTRAINT items_product FOREIGN KEY (product_id) REFERENCES products (id);',
    hazard: ['add-foreign-key-scans'],
  },
  {
    name: 'Django foreign key',
    up: 'ALTER TABLE "items" ADD CONSTRAINT "items_product_id_fk" FOREIGN KEY ("product_id") REFERENCES "products" ("id") DEFERRABLE INITIALLY DEFERRED;',
    hazard: ['add-foreign-key-scans'],
  },
  {
    name: 'foreign key without a name, ONLY',
    up: 'alter table only items add foreign key (product_id) references products on delete cascade',
    hazard: ['add-foreign-key-scans'],
  },
  {
    name: 'new column with a foreign key and a default',
    up: 'ALTER TABLE items ADD COLUMN shop_id bigint DEFAULT 1 REFERENCES products (id);',
    hazard: ['add-foreign-key-scans'],
  },
  {
    name: 'foreign key as an own action beside its column',
    up: 'ALTER TABLE items ADD COLUMN shop_id bigint, ADD CONSTRAINT s FOREIGN KEY (shop_id) REFERENCES products (id);',
    hazard: ['add-foreign-key-scans'],
  },
  {
    name: 'foreign key not valid',
    up: 'ALTER TABLE items ADD CONSTRAINT items_product FOREIGN KEY (product_id) REFERENCES products (id) NOT VALID;',
    hazard: [],
  },
  {
    name: 'validate a foreign key',
    before: `${SHOP} ALTER TABLE items ADD CONSTRAINT p FOREIGN KEY (product_id) REFERENCES products (id) NOT VALID;`,
    up: 'ALTER TABLE items VALIDATE CONSTRAINT p;',
    hazard: [],
  },
  {
    name: 'not valid and validate in one transaction',
    up: 'ALTER TABLE items ADD CONSTRAINT p FOREIGN KEY (product_id) REFERENCES products (id) NOT VALID;\nALTER TABLE items VALIDATE CONSTRAINT p;',
    hazard: ['validate-under-lock'],
  },
  {
    name: 'not valid and validate, each alone',
    up: `${OUTSIDE}ALTER TABLE items ADD CONSTRAINT p FOREIGN KEY (product_id) REFERENCES products (id) NOT VALID;\nALTER TABLE items VALIDATE CONSTRAINT p;`,
    hazard: [],
  },
  {
    name: 'new column with a foreign key',
    up: 'ALTER TABLE items ADD COLUMN shop_id bigint REFERENCES products (id);',
    hazard: [],
  },
  {
    name: 'new table with a foreign key',
    up: 'CREATE TABLE carts (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id));\nCREATE INDEX ON carts (user_id);',
    hazard: [],
  },
  {
    name: 'foreign key of a new table, added after it',
    up: 'CREATE TABLE carts (id bigint PRIMARY KEY, user_id bigint);\nALTER TABLE carts ADD CONSTRAINT carts_user FOREIGN KEY (user_id) REFERENCES users (id);',
    hazard: [],
  },
  {
    name: 'foreign key not valid on a partitioned table',
    up: 'ALTER TABLE events ADD CONSTRAINT e FOREIGN KEY (id) REFERENCES products (id) NOT VALID;',
    hazard: ['not-valid-on-partitioned'],
  },
  {
    name: 'drop a foreign key',
    up: 'ALTER TABLE orders DROP CONSTRAINT orders_user_fk;',
    hazard: ['drop-constraint'],
  },
  {
    name: 'a foreign key with another action',
    up: 'ALTER TABLE orders DROP CONSTRAINT orders_user_fk;\nALTER TABLE orders ADD CONSTRAINT orders_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE NOT VALID;',
    hazard: [],
  },

  // Checks.
  {
    name: 'check',
    up: 'ALTER TABLE products ADD CONSTRAINT price_positive CHECK (price > 0);',
    hazard: ['add-check-scans'],
  },
  {
    name: 'check without a name',
    up: 'ALTER TABLE products ADD CHECK (price > 0), ADD COLUMN weight int;',
    hazard: ['add-check-scans'],
  },
  {
    name: 'new column with a check',
    up: 'ALTER TABLE products ADD COLUMN weight int CHECK (weight > 0);',
    hazard: ['add-check-scans'],
  },
  {
    name: 'check not valid',
    up: 'ALTER TABLE products ADD CONSTRAINT price_positive CHECK (price > 0) NOT VALID;',
    hazard: [],
  },
  {
    name: 'new column and check not valid',
    up: 'ALTER TABLE products ADD COLUMN weight int, ADD CONSTRAINT w CHECK (weight > 0) NOT VALID;',
    hazard: [],
  },
  {
    name: 'validate a check',
    before: `${SHOP} ALTER TABLE products ADD CONSTRAINT p CHECK (price > 0) NOT VALID;`,
    up: 'ALTER TABLE products VALIDATE CONSTRAINT p;',
    hazard: [],
  },
  {
    name: 'two validations',
    before: `${SHOP} ALTER TABLE products ADD CONSTRAINT p CHECK (price > 0) NOT VALID, ADD CONSTRAINT q CHECK (price < 9) NOT VALID;`,
    up: 'ALTER TABLE products VALIDATE CONSTRAINT p;\nALTER TABLE products VALIDATE CONSTRAINT q;',
    hazard: [],
  },
  {
    name: 'validate beside a stronger action',
    before: `${SHOP} ALTER TABLE products ADD CONSTRAINT p CHECK (price > 0) NOT VALID;`,
    up: 'ALTER TABLE products VALIDATE CONSTRAINT p, ADD COLUMN weight int;',
    hazard: ['validate-under-lock'],
  },
  {
    name: 'check and validate in one transaction',
    up: 'ALTER TABLE products ADD CONSTRAINT p CHECK (price > 0) NOT VALID;\nALTER TABLE products VALIDATE CONSTRAINT p;',
    hazard: ['validate-under-lock'],
  },
  {
    name: 'validate while another table is locked',
    before: `${SHOP} ALTER TABLE products ADD CONSTRAINT p CHECK (price > 0) NOT VALID;`,
    up: 'ALTER TABLE orders ADD COLUMN x int;\nALTER TABLE products VALIDATE CONSTRAINT p;',
    hazard: ['work-under-lock'],
  },
  { name: 'drop a check', up: 'ALTER TABLE users DROP CONSTRAINT users_age;', hazard: [] },
  {
    name: 'rename a constraint',
    up: 'ALTER TABLE users RENAME CONSTRAINT users_age TO users_age_check;',
    hazard: [],
  },

  // NOT NULL.
  {
    name: 'set not null',
    up: 'ALTER TABLE users ALTER COLUMN age SET NOT NULL;',
    hazard: ['set-not-null-scans'],
  },
  {
    name: 'set not null beside a default',
    up: 'ALTER TABLE users ALTER age SET DEFAULT 1, ALTER age SET NOT NULL;',
    hazard: ['set-not-null-scans'],
  },
  {
    name: 'set not null with a check that is not valid',
    before: `${SHOP} ALTER TABLE users ADD CONSTRAINT n CHECK (age IS NOT NULL) NOT VALID;`,
    up: 'ALTER TABLE users ALTER age SET NOT NULL;',
    hazard: ['set-not-null-scans'],
  },
  {
    name: 'set not null, proven',
    before: `${SHOP} ALTER TABLE users ADD CONSTRAINT n CHECK (age IS NOT NULL) NOT VALID; ALTER TABLE users VALIDATE CONSTRAINT n;`,
    up: 'ALTER TABLE users ALTER age SET NOT NULL;\nALTER TABLE users DROP CONSTRAINT n;',
    hazard: [],
  },
  {
    name: 'set not null, proven by a quoted column',
    before: `${SHOP} ALTER TABLE "users" ADD CONSTRAINT "n" CHECK ("age" IS NOT NULL) NOT VALID; ALTER TABLE "users" VALIDATE CONSTRAINT "n";`,
    up: 'ALTER TABLE "users" ALTER COLUMN "age" SET NOT NULL, DROP CONSTRAINT "n";',
    hazard: [],
  },
  { name: 'set not null of what is', up: 'ALTER TABLE users ALTER email SET NOT NULL;', hazard: [] },
  {
    name: 'not null as a constraint',
    up: 'ALTER TABLE users ADD CONSTRAINT n NOT NULL age;',
    hazard: ['set-not-null-scans'],
  },
  {
    name: 'not null as a constraint, not valid',
    up: 'ALTER TABLE users ADD CONSTRAINT n NOT NULL age NOT VALID;',
    hazard: [],
  },
  {
    name: 'drop not null',
    up: 'ALTER TABLE users ALTER COLUMN email DROP NOT NULL;',
    hazard: ['drop-not-null'],
  },
  {
    name: 'drop not null of what may be',
    up: 'ALTER TABLE users ALTER COLUMN age DROP NOT NULL;',
    hazard: [],
  },
  {
    name: 'not null in a new table',
    up: 'CREATE TABLE carts (id bigint);\nALTER TABLE carts ALTER id SET NOT NULL;\nALTER TABLE carts ADD PRIMARY KEY (id);',
    hazard: [],
  },

  // New columns.
  { name: 'nullable column', up: 'ALTER TABLE users ADD COLUMN phone text;', hazard: [] },
  {
    name: 'nullable column if it is not there',
    up: 'ALTER TABLE IF EXISTS users ADD COLUMN IF NOT EXISTS phone text;',
    hazard: [],
  },
  {
    name: 'column with a constant',
    up: "ALTER TABLE users ADD COLUMN plan text NOT NULL DEFAULT 'free';",
    hazard: [],
  },
  {
    name: 'column with now()',
    up: 'ALTER TABLE users ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();',
    hazard: [],
  },
  {
    name: 'column with CURRENT_TIMESTAMP',
    up: 'ALTER TABLE users ADD changed_at timestamp DEFAULT CURRENT_TIMESTAMP NOT NULL;',
    hazard: [],
  },
  {
    name: 'column with a stable function',
    up: 'ALTER TABLE users ADD COLUMN shop text DEFAULT shop_name();',
    hazard: [],
  },
  {
    name: 'column with an array',
    up: "ALTER TABLE users ADD COLUMN tags text[] NOT NULL DEFAULT '{}';",
    hazard: [],
  },
  {
    name: 'column with an expression of constants',
    up: "ALTER TABLE users ADD COLUMN until timestamptz DEFAULT now() + interval '1 day';",
    hazard: [],
  },
  {
    name: 'column that is required',
    up: 'ALTER TABLE users ADD COLUMN phone text NOT NULL;',
    hazard: ['add-required-column'],
  },
  {
    name: 'two columns, one required',
    up: 'ALTER TABLE users ADD COLUMN a int, ADD COLUMN b int NOT NULL;',
    hazard: ['add-required-column'],
  },
  {
    name: 'column with random()',
    up: 'ALTER TABLE users ADD COLUMN lucky float DEFAULT random();',
    hazard: ['volatile-default-rewrites'],
  },
  {
    name: 'column with gen_random_uuid()',
    up: 'ALTER TABLE users ADD COLUMN key uuid NOT NULL DEFAULT gen_random_uuid();',
    hazard: ['volatile-default-rewrites'],
  },
  {
    name: 'column with uuid_generate_v4 of an extension',
    up: 'ALTER TABLE users ADD COLUMN key uuid DEFAULT extensions.uuid_generate_v4();',
    hazard: ['volatile-default-rewrites'],
  },
  {
    name: 'column with clock_timestamp() in an expression',
    up: "ALTER TABLE users ADD COLUMN x date DEFAULT (clock_timestamp() + interval '1 day')::date;",
    hazard: ['volatile-default-rewrites'],
  },
  {
    name: 'column with a function that may do anything',
    up: 'ALTER TABLE users ADD COLUMN token text DEFAULT make_token();',
    hazard: ['volatile-default-rewrites'],
  },
  {
    name: 'column, then a volatile default',
    up: 'ALTER TABLE users ADD COLUMN key uuid;\nALTER TABLE users ALTER COLUMN key SET DEFAULT gen_random_uuid();',
    hazard: [],
  },
  {
    name: 'volatile default of a new table',
    up: 'CREATE TABLE carts (id uuid PRIMARY KEY DEFAULT gen_random_uuid());',
    hazard: [],
  },
  {
    name: 'serial column',
    up: 'ALTER TABLE users ADD COLUMN number serial;',
    hazard: ['add-identity-rewrites'],
  },
  {
    name: 'bigserial key',
    before: 'CREATE TABLE users (name text);',
    up: 'ALTER TABLE users ADD COLUMN id BIGSERIAL PRIMARY KEY;',
    hazard: ['add-identity-rewrites'],
  },
  {
    name: 'identity column',
    up: 'ALTER TABLE orders ADD COLUMN number bigint GENERATED BY DEFAULT AS IDENTITY;',
    hazard: ['add-identity-rewrites'],
  },
  {
    name: 'nextval',
    before: `${SHOP} CREATE SEQUENCE s;`,
    up: "ALTER TABLE users ADD COLUMN number int DEFAULT nextval('s'::regclass);",
    hazard: ['add-identity-rewrites'],
  },
  {
    name: 'identity on a column that is there',
    up: 'ALTER TABLE orders ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;',
    hazard: [],
  },
  {
    name: 'stored column',
    up: 'ALTER TABLE products ADD COLUMN gross int GENERATED ALWAYS AS (price * 2) STORED;',
    hazard: ['add-generated-rewrites'],
  },
  {
    name: 'virtual column',
    up: 'ALTER TABLE products ADD COLUMN gross int GENERATED ALWAYS AS (price * 2) VIRTUAL;',
    hazard: [],
  },
  {
    name: 'column of a domain with a check',
    up: 'ALTER TABLE users ADD COLUMN second email;',
    hazard: ['add-constrained-domain-rewrites'],
  },
  { name: 'column of a domain without', up: 'ALTER TABLE users ADD COLUMN second plain;', hazard: [] },
  {
    name: 'unique column',
    up: 'ALTER TABLE users ADD COLUMN nick text UNIQUE;',
    hazard: ['add-unique-builds-index'],
  },
  { name: 'json column', up: 'ALTER TABLE users ADD COLUMN extra json;', hazard: ['json-column'] },
  { name: 'jsonb column', up: "ALTER TABLE users ADD COLUMN extra jsonb NOT NULL DEFAULT '{}';", hazard: [] },
  {
    name: 'required column of a new table',
    up: 'CREATE TABLE carts (id bigint PRIMARY KEY);\nALTER TABLE carts ADD COLUMN x int NOT NULL;',
    hazard: [],
  },
  {
    name: 'required column loses its default',
    up: 'ALTER TABLE users ADD COLUMN vip boolean DEFAULT false NOT NULL;\nALTER TABLE users ALTER COLUMN vip DROP DEFAULT;',
    hazard: ['drop-default-of-required'],
  },
  {
    name: 'required column loses its default at once',
    up: 'ALTER TABLE users ADD COLUMN vip boolean DEFAULT false NOT NULL, ALTER COLUMN vip DROP DEFAULT;',
    hazard: ['drop-default-of-required'],
  },
  {
    name: 'nullable column loses its default',
    up: 'ALTER TABLE users ADD COLUMN vip boolean DEFAULT false;\nALTER TABLE users ALTER COLUMN vip DROP DEFAULT;',
    hazard: [],
  },
  { name: 'set default', up: 'ALTER TABLE users ALTER COLUMN age SET DEFAULT 18;', hazard: [] },
  { name: 'drop default', up: 'ALTER TABLE users ALTER COLUMN balance DROP DEFAULT;', hazard: [] },
  {
    name: 'name that is cut off',
    up: 'ALTER TABLE users ADD COLUMN a2345678901234567890123456789012345678901234567890123456789012345 int;',
    hazard: ['identifier-too-long'],
  },
  {
    name: 'name of 63 bytes',
    up: 'ALTER TABLE users ADD COLUMN a23456789012345678901234567890123456789012345678901234567890123 int;',
    hazard: [],
  },
  {
    name: 'name of 40 letters in two bytes each',
    up: 'ALTER TABLE users ADD COLUMN "ёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёёё" int;',
    hazard: ['identifier-too-long'],
  },
  {
    name: 'long text that is no name',
    up: "COMMENT ON TABLE users IS 'a2345678901234567890123456789012345678901234567890123456789012345678901234567890';",
    hazard: [],
  },

  // Keys.
  {
    name: 'unique constraint',
    up: 'ALTER TABLE products ADD CONSTRAINT products_sku UNIQUE (sku);',
    hazard: ['add-unique-builds-index'],
  },
  {
    name: 'unique constraint using an index',
    before: `${SHOP} CREATE UNIQUE INDEX products_sku ON products (sku);`,
    up: 'ALTER TABLE products ADD CONSTRAINT products_sku UNIQUE USING INDEX products_sku;',
    hazard: [],
  },
  {
    name: 'primary key',
    up: 'ALTER TABLE loose ADD PRIMARY KEY (k);',
    hazard: ['add-primary-key-builds-index'],
  },
  {
    name: 'primary key using an index',
    up: 'ALTER TABLE loose ADD CONSTRAINT loose_pkey PRIMARY KEY USING INDEX loose_k;',
    hazard: [],
  },
  {
    name: 'primary key using an index of a nullable column',
    up: 'ALTER TABLE loose ADD CONSTRAINT loose_pkey PRIMARY KEY USING INDEX loose_id;',
    hazard: ['primary-key-scans-nulls'],
  },
  {
    name: 'exclude',
    up: 'ALTER TABLE products ADD CONSTRAINT x EXCLUDE USING btree (sku WITH =);',
    hazard: ['add-exclusion-builds-index'],
  },
  {
    name: 'unique constraint of a new table',
    up: 'CREATE TABLE carts (id bigint, token text);\nALTER TABLE carts ADD CONSTRAINT u UNIQUE (token);',
    hazard: [],
  },
  {
    name: 'drop a unique constraint',
    up: 'ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_code;',
    hazard: ['drop-constraint'],
  },

  // Types.
  {
    name: 'varchar to a longer one',
    up: 'ALTER TABLE users ALTER COLUMN name TYPE varchar(200);',
    hazard: [],
  },
  { name: 'varchar to text', up: 'ALTER TABLE users ALTER COLUMN name SET DATA TYPE text;', hazard: [] },
  {
    name: 'varchar to text with a cast',
    up: 'ALTER TABLE "users" ALTER COLUMN "name" TYPE text USING "name"::text;',
    hazard: [],
  },
  {
    name: 'varchar without a length',
    up: 'ALTER TABLE users ALTER name TYPE character varying;',
    hazard: [],
  },
  { name: 'numeric wider', up: 'ALTER TABLE users ALTER balance TYPE numeric(14,2);', hazard: [] },
  { name: 'numeric without limits', up: 'ALTER TABLE users ALTER balance TYPE numeric;', hazard: [] },
  {
    name: 'more precise timestamptz',
    up: 'ALTER TABLE users ALTER seen_at TYPE timestamptz(6);',
    hazard: [],
  },
  { name: 'cidr to inet', up: 'ALTER TABLE users ALTER ip TYPE inet;', hazard: [] },
  { name: 'text to a free domain', up: 'ALTER TABLE users ALTER bio TYPE plain;', hazard: [] },
  {
    name: 'timestamp to timestamptz in UTC',
    up: "SET LOCAL timezone TO 'UTC';\nALTER TABLE users ALTER created_at TYPE timestamptz;",
    hazard: [],
  },
  {
    name: 'type of a column of a new table',
    up: 'CREATE TABLE carts (id int);\nALTER TABLE carts ALTER id TYPE bigint;',
    hazard: [],
  },
  {
    name: 'int to bigint',
    up: 'ALTER TABLE orders ALTER COLUMN total TYPE bigint;',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'int to bigint of a key that is referred to',
    up: 'ALTER TABLE orders ALTER COLUMN id TYPE bigint;',
    hazard: ['key-type-change-locks-children'],
  },
  {
    name: 'varchar to a shorter one',
    up: 'ALTER TABLE users ALTER name TYPE varchar(50);',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'text to varchar',
    up: 'ALTER TABLE users ALTER bio TYPE varchar(500);',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'numeric with another scale',
    up: 'ALTER TABLE users ALTER balance TYPE numeric(12,4);',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'timestamp to timestamptz',
    up: 'ALTER TABLE users ALTER COLUMN created_at TYPE timestamp with time zone;',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'timestamp to timestamptz AT TIME ZONE',
    up: "ALTER TABLE users ALTER created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC';",
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'text with an expression',
    up: 'ALTER TABLE users ALTER bio TYPE text USING trim(bio);',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'text to jsonb',
    up: 'ALTER TABLE users ALTER bio TYPE jsonb USING bio::jsonb;',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'enum to text',
    up: 'ALTER TABLE orders ALTER status TYPE text;',
    hazard: ['type-change-rewrites'],
  },
  {
    name: 'free change under a check',
    before: "CREATE TABLE a (v varchar(5) CHECK (v <> ''));",
    up: 'ALTER TABLE a ALTER v TYPE varchar(9);',
    hazard: ['type-change-rechecks'],
  },
  {
    name: 'collation of an indexed column',
    up: 'ALTER TABLE users ALTER name TYPE varchar(100) COLLATE "C";',
    hazard: ['type-change-rebuilds-index'],
  },
  {
    name: 'collation of a column without index',
    up: 'ALTER TABLE users ALTER bio TYPE text COLLATE "C";',
    hazard: [],
  },
  {
    name: 'expression of a stored column',
    up: 'ALTER TABLE orders ALTER twice SET EXPRESSION AS (total * 3);',
    hazard: ['set-expression-rewrites'],
  },
  {
    name: 'a type change of what is not known',
    before: '',
    up: 'ALTER TABLE people ALTER age TYPE bigint;',
    hazard: ['type-change-rewrites'],
  },

  // Tables.
  { name: 'unlogged', up: 'ALTER TABLE users SET UNLOGGED;', hazard: ['table-rewrite'] },
  { name: 'vacuum full', up: `${OUTSIDE}VACUUM FULL users;`, hazard: ['table-rewrite'] },
  {
    name: 'vacuum full in parentheses',
    up: `${OUTSIDE}VACUUM (FULL, ANALYZE) users;`,
    hazard: ['table-rewrite'],
  },
  { name: 'vacuum', up: `${OUTSIDE}VACUUM ANALYZE users;`, hazard: [] },
  { name: 'vacuum in a transaction', up: 'VACUUM users;', hazard: ['concurrently-in-transaction'] },
  { name: 'cluster', up: 'CLUSTER users USING users_name;', hazard: ['table-rewrite'] },
  { name: 'tablespace', up: 'ALTER TABLE users SET TABLESPACE fast;', hazard: ['table-rewrite'] },
  {
    name: 'fillfactor and statistics',
    up: 'ALTER TABLE users SET (fillfactor = 80);\nALTER TABLE users ALTER name SET STATISTICS 500;',
    hazard: [],
  },
  {
    name: 'attach a partition',
    before: `${SHOP} CREATE TABLE events_2024 (id bigint, at date NOT NULL, payload jsonb);`,
    up: "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
    hazard: ['attach-partition-scans'],
  },
  {
    name: 'attach a partition with its check',
    before: `${SHOP} CREATE TABLE events_2024 (id bigint, at date NOT NULL, payload jsonb, CHECK (at >= '2024-01-01' AND at < '2025-01-01'));`,
    up: "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
    hazard: [],
  },
  {
    name: 'attach a new partition',
    up: "CREATE TABLE events_2024 (LIKE events);\nALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
    hazard: [],
  },
  {
    name: 'new partition beside a default one',
    up: "CREATE TABLE logs_2024 PARTITION OF logs FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
    hazard: ['create-partition-scans-default'],
  },
  {
    name: 'new partition',
    up: "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
    hazard: [],
  },
  {
    name: 'detach a partition',
    up: 'ALTER TABLE events DETACH PARTITION events_2023;',
    hazard: ['detach-partition-locks'],
  },
  {
    name: 'detach a partition concurrently',
    up: `${OUTSIDE}ALTER TABLE events DETACH PARTITION events_2023 CONCURRENTLY;`,
    hazard: [],
  },
  {
    name: 'detach a partition concurrently in a transaction',
    up: 'ALTER TABLE events DETACH PARTITION events_2023 CONCURRENTLY;',
    hazard: ['concurrently-in-transaction'],
  },
  { name: 'refresh', up: 'REFRESH MATERIALIZED VIEW totals;', hazard: ['refresh-view-blocks-reads'] },
  { name: 'refresh concurrently', up: 'REFRESH MATERIALIZED VIEW CONCURRENTLY totals;', hazard: [] },
  {
    name: 'new materialized view',
    up: 'CREATE MATERIALIZED VIEW m AS SELECT id FROM users;\nCREATE UNIQUE INDEX ON m (id);\nREFRESH MATERIALIZED VIEW m;',
    hazard: [],
  },
  {
    name: 'domain with another check',
    before: `${SHOP} ALTER TABLE users ADD COLUMN second plain;`,
    up: "ALTER DOMAIN plain ADD CHECK (VALUE <> '');",
    hazard: ['alter-domain-scans'],
  },
  {
    name: 'domain with another check, not valid',
    before: `${SHOP} ALTER TABLE users ADD COLUMN second plain;`,
    up: "ALTER DOMAIN plain ADD CONSTRAINT c CHECK (VALUE <> '') NOT VALID;",
    hazard: [],
  },
  { name: 'domain that no table uses', up: 'ALTER DOMAIN plain SET NOT NULL;', hazard: [] },
  {
    name: 'trigger',
    up: 'CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();',
    hazard: [],
  },
  {
    name: 'comment, statistics, publication',
    up: "COMMENT ON COLUMN users.name IS 'full';\nCREATE STATISTICS s ON name, age FROM users;\nANALYZE users;",
    hazard: [],
  },
  { name: 'view', up: 'CREATE OR REPLACE VIEW paid AS SELECT id, status FROM orders;', hazard: [] },
  {
    name: 'function and sequence',
    up: "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';\nCREATE SEQUENCE s2;\nALTER SEQUENCE s2 RESTART WITH 5;",
    hazard: [],
  },
  { name: 'drop a view', up: 'DROP VIEW paid;', hazard: [] },
  { name: 'extension', up: 'CREATE EXTENSION IF NOT EXISTS pgcrypto;', hazard: [] },

  // Several statements.
  {
    name: 'backfill under a lock',
    up: 'ALTER TABLE users ADD COLUMN nick text;\nUPDATE users SET nick = name;',
    hazard: ['unbatched-change', 'work-under-lock'],
  },
  {
    name: 'copy under a lock',
    up: 'ALTER TABLE users ADD COLUMN nick text;\nCREATE TABLE nicks AS SELECT id, name FROM users;',
    hazard: ['work-under-lock'],
  },
  {
    name: 'copy into a new table',
    up: 'CREATE TABLE nicks (id bigint PRIMARY KEY, name text);\nINSERT INTO nicks SELECT id, name FROM users;',
    hazard: [],
  },
  {
    name: 'several brief changes',
    up: 'ALTER TABLE users ADD COLUMN nick text;\nALTER TABLE orders ADD COLUMN paid_at timestamptz;\nALTER TABLE items ALTER sku SET DEFAULT 1;',
    hazard: [],
  },
  {
    name: 'a few rows after a brief change',
    up: "ALTER TABLE products ADD COLUMN kind text;\nINSERT INTO products (id, sku, kind) VALUES (1, 'a', 'b'), (2, 'c', 'd');\nUPDATE products SET kind = 'x' WHERE id = 3;",
    hazard: [],
  },
  {
    name: 'scan after a lock',
    up: 'ALTER TABLE users ADD COLUMN nick text;\nALTER TABLE orders ALTER total SET NOT NULL;',
    hazard: ['set-not-null-scans', 'work-under-lock'],
  },
  {
    name: 'enum value used at once',
    up: "ALTER TYPE status ADD VALUE 'sent';\nUPDATE orders SET status = 'sent' WHERE id = 1;",
    hazard: ['enum-value-in-same-transaction'],
  },
  {
    name: 'enum value as a default at once',
    up: "ALTER TYPE status ADD VALUE IF NOT EXISTS 'sent';\nALTER TABLE orders ALTER status SET DEFAULT 'sent';",
    hazard: ['enum-value-in-same-transaction'],
  },
  { name: 'enum value', up: "ALTER TYPE status ADD VALUE 'sent' AFTER 'paid';", hazard: [] },
  {
    name: 'enum value used outside a transaction',
    up: `${OUTSIDE}ALTER TYPE status ADD VALUE 'sent';\nUPDATE orders SET status = 'sent' WHERE id = 1;`,
    hazard: [],
  },
  {
    name: 'new enum used at once',
    up: "CREATE TYPE size AS ENUM ('s');\nALTER TYPE size ADD VALUE 'm';\nALTER TABLE products ADD COLUMN size size DEFAULT 'm';",
    hazard: [],
  },
  {
    name: 'lock_timeout off',
    up: 'SET lock_timeout = 0;\nALTER TABLE users ADD COLUMN nick text;',
    hazard: ['lock-timeout-off'],
  },
  {
    name: 'lock_timeout long',
    up: "SET LOCAL lock_timeout TO '10min';\nALTER TABLE users ADD COLUMN nick text;",
    hazard: ['lock-timeout-off'],
  },
  {
    name: 'lock_timeout short',
    up: "SET lock_timeout = '3s';\nSET statement_timeout = 5000;\nALTER TABLE users ADD COLUMN nick text;",
    hazard: [],
  },
  {
    name: 'statement_timeout off for a long build',
    up: `${OUTSIDE}SET statement_timeout = 0;\nCREATE INDEX CONCURRENTLY ON users (age);`,
    hazard: [],
  },
  {
    name: 'DO block',
    up: "DO $$ BEGIN EXECUTE 'ALTER TABLE users ALTER age TYPE bigint'; END $$;",
    hazard: ['opaque-sql'],
  },
  {
    name: 'DO block around a type',
    up: "DO $$ BEGIN CREATE TYPE size AS ENUM ('s'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;",
    hazard: [],
  },
  { name: 'call', up: 'CALL move_rows(100);', hazard: ['opaque-sql'] },
  {
    name: 'select of a setting',
    up: "SELECT set_config('search_path', 'public', false);\nSELECT setval('items_id_seq', 5);",
    hazard: [],
  },

  // Breaking.
  {
    name: 'rename column',
    up: 'ALTER TABLE users RENAME COLUMN name TO full_name;',
    hazard: ['rename-column'],
  },
  {
    name: 'rename column without the word',
    up: 'alter table users rename name to full_name',
    hazard: ['rename-column'],
  },
  {
    name: 'rename column of a new table',
    up: 'CREATE TABLE carts (a int);\nALTER TABLE carts RENAME a TO b;',
    hazard: [],
  },
  {
    name: 'rename column of this migration',
    up: 'ALTER TABLE users ADD COLUMN a int;\nALTER TABLE users RENAME a TO b;',
    hazard: [],
  },
  {
    name: 'rename column, the old one added back',
    up: 'ALTER TABLE products RENAME sku TO code;\nALTER TABLE products ADD COLUMN sku text GENERATED ALWAYS AS (code) VIRTUAL;',
    hazard: [],
  },
  { name: 'rename table', up: 'ALTER TABLE users RENAME TO people;', hazard: ['rename-table'] },
  {
    name: 'rename table with a view',
    up: 'ALTER TABLE users RENAME TO people;\nCREATE VIEW users AS SELECT * FROM people;',
    hazard: [],
  },
  { name: 'rename view', up: 'ALTER VIEW paid RENAME TO paid_orders;', hazard: ['rename-table'] },
  { name: 'retire a table', up: 'ALTER TABLE products RENAME TO products_del;', hazard: [] },
  { name: 'set schema', up: 'ALTER TABLE users SET SCHEMA archive;', hazard: ['rename-schema'] },
  { name: 'rename schema', up: 'ALTER SCHEMA archive RENAME TO old;', hazard: ['rename-schema'] },
  {
    name: 'rename enum value',
    up: "ALTER TYPE status RENAME VALUE 'new' TO 'fresh';",
    hazard: ['rename-enum-value'],
  },

  // Loss.
  { name: 'drop column', up: 'ALTER TABLE users DROP COLUMN bio;', hazard: ['drop-column'] },
  {
    name: 'drop columns, if they are there',
    up: 'ALTER TABLE IF EXISTS "users" DROP COLUMN IF EXISTS "bio", DROP "ip";',
    hazard: ['drop-column'],
  },
  {
    name: 'drop column cascade',
    up: 'ALTER TABLE orders DROP COLUMN total CASCADE;',
    hazard: ['drop-cascade', 'drop-column'],
  },
  {
    name: 'drop column of this migration',
    up: 'ALTER TABLE users ADD COLUMN tmp int;\nALTER TABLE users DROP COLUMN tmp;',
    hazard: [],
  },
  { name: 'drop table', up: 'DROP TABLE products;', hazard: ['drop-table'] },
  {
    name: 'drop table cascade',
    up: 'DROP TABLE IF EXISTS public.products CASCADE;',
    hazard: ['drop-cascade', 'drop-table'],
  },
  {
    name: 'drop table of this migration',
    up: 'CREATE TEMP TABLE tmp AS SELECT 1 AS a;\nDROP TABLE tmp;',
    hazard: [],
  },
  { name: 'drop a retired table', up: 'DROP TABLE old_carts_del;', hazard: [] },
  {
    name: 'drop and create',
    up: 'DROP TABLE IF EXISTS products;\nCREATE TABLE products (id bigint PRIMARY KEY);',
    hazard: ['drop-and-create-table'],
  },
  {
    name: 'drop schema',
    before: 'CREATE SCHEMA s; CREATE TABLE s.t (a int);',
    up: 'DROP SCHEMA s CASCADE;',
    hazard: ['drop-schema'],
  },
  { name: 'drop type cascade', up: 'DROP TYPE status CASCADE;', hazard: ['drop-cascade'] },
  { name: 'drop function', up: 'DROP FUNCTION make_token();', hazard: [] },
  { name: 'truncate', up: 'TRUNCATE TABLE products;', hazard: ['truncate-table'] },
  { name: 'truncate cascade', up: 'TRUNCATE users RESTART IDENTITY CASCADE;', hazard: ['truncate-table'] },
  { name: 'truncate a new table', up: 'CREATE TABLE carts (a int);\nTRUNCATE carts;', hazard: [] },
  { name: 'delete all', up: 'DELETE FROM products;', hazard: ['delete-all-rows'] },
  {
    name: 'delete all by what is always so',
    up: 'DELETE FROM products WHERE 1 = 1;',
    hazard: ['delete-all-rows'],
  },
  {
    name: 'delete where the key is not null',
    up: 'DELETE FROM products WHERE id IS NOT NULL;',
    hazard: ['delete-all-rows'],
  },
  { name: 'delete many', up: "DELETE FROM orders WHERE status = 'new';", hazard: ['unbatched-change'] },
  { name: 'update all', up: 'UPDATE users SET age = 0;', hazard: ['unbatched-change'] },
  { name: 'update many', up: 'UPDATE users SET age = 0 WHERE age IS NULL;', hazard: ['unbatched-change'] },
  {
    name: 'update from another table',
    up: 'UPDATE orders SET total = u.age FROM users u WHERE u.id = orders.user_id;',
    hazard: ['unbatched-change'],
  },
  {
    name: 'update in batches',
    up: '-- migrate: batch 1000\nUPDATE users SET age = 0 WHERE age IS NULL;',
    hazard: [],
  },
  { name: 'update one', up: "UPDATE users SET age = 0 WHERE id = 7 AND name = 'x';", hazard: [] },
  { name: 'update some by key', up: 'UPDATE users SET age = 0 WHERE id IN (1, 2, 3);', hazard: [] },
  {
    name: 'update some by an array',
    up: "UPDATE users SET age = 0 WHERE id = ANY ('{1,2}'::bigint[]);",
    hazard: [],
  },
  { name: 'update one by a unique column', up: "UPDATE users SET age = 0 WHERE email = 'a@b';", hazard: [] },
  { name: 'delete this one or that', up: 'DELETE FROM users WHERE id = 1 OR users.id = 2;', hazard: [] },
  {
    name: 'delete this one or many',
    up: "DELETE FROM users WHERE id = 1 OR name = 'x';",
    hazard: ['unbatched-change'],
  },
  { name: 'update a range of keys', up: 'UPDATE users SET age = 0 WHERE id BETWEEN 1 AND 5000;', hazard: [] },
  {
    name: 'update with a limit',
    up: 'UPDATE users SET age = 0 WHERE id IN (SELECT id FROM users WHERE age IS NULL LIMIT 500);',
    hazard: [],
  },
  {
    name: 'update a new table',
    up: 'CREATE TABLE carts (a int);\nINSERT INTO carts VALUES (1);\nUPDATE carts SET a = 2;',
    hazard: [],
  },
  {
    name: 'a few rows',
    up: "INSERT INTO products (id, sku) VALUES (1, 'a'), (2, 'b') ON CONFLICT (id) DO NOTHING;",
    hazard: [],
  },

  // Others.
  { name: 'disable triggers', up: 'ALTER TABLE users DISABLE TRIGGER ALL;', hazard: ['disable-trigger'] },
  { name: 'replication role', up: "SET session_replication_role = 'replica';", hazard: ['disable-trigger'] },
  {
    name: 'row security without policy',
    up: 'ALTER TABLE users ENABLE ROW LEVEL SECURITY;',
    hazard: ['row-security-without-policy'],
  },
  {
    name: 'row security with policy',
    up: 'ALTER TABLE users ENABLE ROW LEVEL SECURITY;\nCREATE POLICY p ON users USING (true);',
    hazard: [],
  },
  {
    name: 'row security of a new table',
    up: 'CREATE TABLE carts (a int);\nALTER TABLE carts ENABLE ROW LEVEL SECURITY;',
    hazard: [],
  },
  {
    name: 'grant to everybody',
    up: 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;',
    hazard: ['broad-grant'],
  },
  {
    name: 'grant of everything',
    up: 'GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA public TO app;',
    hazard: ['broad-grant'],
  },
  {
    name: 'grant',
    up: 'GRANT SELECT, INSERT ON users TO app;\nGRANT USAGE ON SCHEMA public TO app;',
    hazard: [],
  },
  {
    name: 'new table with all that there is',
    up: "CREATE TABLE invoices (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, no text UNIQUE, total int CHECK (total > 0), gross int GENERATED ALWAYS AS (total * 2) STORED, data jsonb, at timestamptz DEFAULT clock_timestamp());\nCREATE INDEX ON invoices (at);\nINSERT INTO invoices (no) VALUES ('a');",
    hazard: [],
  },
]
