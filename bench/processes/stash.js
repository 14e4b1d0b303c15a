// Prints the milliseconds of one rollback or of the bare statements: node stash.js stash|select URL FOLDER
import { DatabaseSync } from 'node:sqlite'
import { down } from '../../dist/esm/index.js'

const [who, url, folder] = process.argv.slice(2)

function select() {
  const database = new DatabaseSync(url.slice('sqlite:'.length))
  database.exec(`PRAGMA synchronous = FULL; BEGIN IMMEDIATE;
    CREATE TABLE kept (id, note, text); INSERT INTO kept SELECT id, note, text FROM links; DROP TABLE links; COMMIT`)
  database.close()
}

const begin = performance.now()
if (who === 'stash') await down({ database: url, migrations: folder })
else select()
console.log(performance.now() - begin)
