import { defineConfig, type RolldownOptions } from 'rolldown'

// A driver is imported when it is needed, also where a bundle could have it at once.
const common: RolldownOptions = { platform: 'node', checks: { ineffectiveDynamicImport: false } }

/**
 * Both outputs lie as deep as the folders of src/, so that the way to migrations/ is the same. What `pg` belongs to
 * is a file of its own, and so are the backups of each database, which load much of Node, and what compares, draws and
 * writes schemas; all else is one, since each file more is a millisecond at every start.
 */
const SCHEMA =
  /src\/(core\/(schema\/(?!difference)|lint\/|nexflow)|commands\/(carry|check|drift|foresee|parity|plan(-\w+)?|replay|rows|schema|stage|translate|trial|types|verify|wanted)\.|database\/(shadow|embedded|sqlite\/(shadow|introspect|catalog|measure|outlook|read)))/

const MAIN = /rolldown.runtime|src\/(?!cli\/(bin|help)|database\/(postgres|sqlite\/backup))/

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
          {
            name: 'main',
            priority: 2,
            test: (id) => MAIN.test(id) && !SCHEMA.test(id),
          },
          { name: 'schema', priority: 1, test: SCHEMA },
          { name: 'postgres', test: /node_modules|src\/database\/postgres\/(?!backup)/ },
        ],
      },
    },
  },
])
