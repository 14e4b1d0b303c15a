import { defineConfig, type RolldownOptions } from 'rolldown'

// A driver is imported when it is needed, also where a bundle could have it at once.
const common: RolldownOptions = { platform: 'node', checks: { ineffectiveDynamicImport: false } }

/**
 * Both outputs lie as deep as the folders of src/, so that the way to migrations/ is the same. What `pg` belongs to
 * is a file of its own, and so are the backups of each database, which load much of Node, and what compares, draws and
 * writes schemas; so is what lints, with PostgreSQL's grammar and of SQLite apart, and what these have in common with
 * the schemas; so is what few runs need, such as batches and transfers. What `up` takes on PostgreSQL must import nothing of schemas
 * or rules, which are loaded with it otherwise: test/cli/start.test.ts. All else is one, since each file more is a
 * millisecond at every start.
 */
const SCHEMA =
  /src\/(core\/(schema\/(?!difference)|lint\/|nexflow)|commands\/(carry|check|drift|foresee|parity|plan(-\w+)?|replay|rows|schema|stage|translate|trial|types|verify|wanted)\.|database\/(shadow|embedded|sqlite\/(shadow|introspect|catalog|measure|outlook|read)))/

const LINT = /src\/(core\/lint\/(?!rule|severity|sqlite)|commands\/lint(?!-(sqlite|measured))|cli\/findings)/

const LINT_SQLITE = /src\/(core\/lint\/(sqlite|rules\.)|commands\/lint-sqlite|database\/probe)/

const LINT_MEASURED = /src\/commands\/lint-measured/

const LINT_FIX = /src\/(commands\/fix|core\/lint\/(postgres\/(fix|split)|sqlite\/(alter|copy)-fix)\.)/

const TRANSFER =
  /src\/(core\/transfer\/|commands\/transfer|cli\/transfer|database\/((sqlite|postgres)\/)?(end|guarded|proof|send|receive|encode|aside|counters|digest|canonical|choose|bad|bad-keys|values|careful|taken|refused|mask|changes|apply|wire)\.)/

const BATCH = /src\/(commands|database(\/sqlite)?)\/batch\./

const POSTGRES_SCRIPT = /src\/database\/postgres\/(script|errors|session|connect)\./

const POSTGRES_SCHEMA = /src\/database\/postgres\/(batch|catalog|introspect|measure|outlook|read|shadow)\./

const MODEL = /src\/core\/schema\/(model|kinds|tokens|difference|convert\/ast|sql\/names)\./

const MAIN = /rolldown.runtime|src\/(?!cli\/(bin|help)|commands\/since|database\/(postgres|sqlite\/backup))/

export default defineConfig([
  { ...common, input: 'src/index.ts', external: /^[a-z@]/, output: { dir: 'dist/esm', cleanDir: true } },
  {
    ...common,
    input: 'src/cli/bin.ts',
    // `pg` is thirty files: in one it loads in a third of the time. What is seldom needed stays where npm puts it.
    external: /^(node:|libpg-query|pgsql-deparser|@dagrejs|yaml|pg-native)/,
    output: {
      dir: 'dist/cli',
      cleanDir: true,
      // An ESM import of node:util or node:fs loads all that they can do, require what is used: 10 ms at every start.
      format: 'cjs',
      minify: true,
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name].cjs',
      codeSplitting: {
        groups: [
          // A group takes with it what its files import, unless it is in one of a higher priority.
          {
            name: 'main',
            priority: 5,
            test: (id) =>
              MAIN.test(id) &&
              ![SCHEMA, LINT, LINT_SQLITE, LINT_MEASURED, LINT_FIX, BATCH, TRANSFER].some((one) =>
                one.test(id),
              ),
          },
          { name: 'model', priority: 4, test: MODEL },
          { name: 'batch', priority: 4, test: BATCH },
          { name: 'lint', priority: 3, test: (id) => LINT.test(id) && !LINT_FIX.test(id) },
          { name: 'schema', priority: 2, test: SCHEMA },
          { name: 'lint-sqlite', priority: 1, test: LINT_SQLITE },
          { name: 'lint-measured', priority: 1, test: LINT_MEASURED },
          { name: 'transfer', priority: 1, test: TRANSFER },
          { name: 'lint-fix', test: LINT_FIX },
          { name: 'postgres-script', priority: 4, test: POSTGRES_SCRIPT },
          {
            name: 'postgres',
            test: (id) =>
              /node_modules|src\/database\/postgres\/(?!backup)/.test(id) &&
              ![POSTGRES_SCHEMA, TRANSFER].some((one) => one.test(id)),
          },
          { name: 'postgres-schema', test: POSTGRES_SCHEMA },
        ],
      },
    },
  },
])
