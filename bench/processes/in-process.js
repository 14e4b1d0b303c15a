// Prints the milliseconds of one call, loaded beforehand: node in-process.js ours|floor URL FOLDER
import { up } from '../../dist/esm/index.js'
import { bareLoop } from './bare-loop.js'

const [who, url, folder] = process.argv.slice(2)
const calls = {
  ours: () => up({ database: url, migrations: folder }),
  floor: () => bareLoop(url, folder),
}

const begin = performance.now()
await calls[who]()
console.log(performance.now() - begin)
