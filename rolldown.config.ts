import { defineConfig, type RolldownOptions } from 'rolldown'

const common: RolldownOptions = {
  platform: 'node',
  // Packages stay where npm puts them.
  external: /^[a-z@]/,
}

/**
 * Both outputs lie as deep as the folders of src/, so that the way to migrations/ is the same. What `pg` belongs to
 * is a file of its own; all else is one, since each file more is a millisecond at every start.
 */
export default defineConfig([
  { ...common, input: 'src/index.ts', output: { dir: 'dist/esm', cleanDir: true } },
  {
    ...common,
    input: 'src/cli/bin.ts',
    output: {
      dir: 'dist/cli',
      cleanDir: true,
      // An ESM import of node:util or node:fs loads all that they can do, require what is used: 10 ms at every start.
      format: 'cjs',
      minify: true,
      entryFileNames: '[name].cjs',
      chunkFileNames: '[name].cjs',
      codeSplitting: {
        groups: [{ name: 'main', test: /rolldown.runtime|src\/(?!cli\/(bin|help)|database\/postgres)/ }],
      },
    },
  },
])
