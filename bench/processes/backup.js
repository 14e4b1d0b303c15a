// Prints the milliseconds of one copy of a SQLite file: node backup.js verified|ours|plain|vacuum FROM TO
import { backup as copy, DatabaseSync } from 'node:sqlite'
import { backup } from '../../dist/esm/index.js'

const [who, from, to] = process.argv.slice(2)
const begin = performance.now()
const tell = () => console.log(performance.now() - begin)

const calls = {
  verified: () => backup({ database: from, file: to }),
  // As far as the copy is on the disk.
  ours: () =>
    backup({
      database: from,
      file: to,
      onProgress: (event) => {
        if (event.what !== 'verify') return
        tell()
        process.exit()
      },
    }),
  plain: () => copy(new DatabaseSync(from), to),
  vacuum: () => new DatabaseSync(from).prepare('VACUUM INTO ?').run(to),
}

await calls[who]()
tell()
