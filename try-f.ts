import { mkdtempSync, cpSync, readdirSync, rmSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { translate } from './src/commands/translate.ts'
const to = process.argv[2] as 'sqlite' | 'postgres'
const dir = mkdtempSync('/dev/shm/try-')
cpSync('migrations', dir, { recursive: true })
for (const f of readdirSync(dir)) if (f === '000003_add_user_metadata.down.sql') cpSync(join(dir,f), join(dir, f.replace('.down', to==='sqlite'?'.postgres.down':'.sqlite.down'))), rmSync(join(dir,f)); else if (f.startsWith('000002')) cpSync(join(dir,f), join(dir, f.replace(/\.(up|down)/, (to==='sqlite'?'.postgres':'.sqlite')+'.$1'))), rmSync(join(dir,f)); else if (f.includes(`.${to}.`)) rmSync(join(dir, f))
console.log(readdirSync(dir))
for (const id of ['1', '2', '3']) {
  console.time(id)
  try {
    const r = await translate({ id, dir, parity: {} })
    console.log(r)
    for (const f of r.files) console.log(`== ${f}\n${readFileSync(f, 'utf8')}`)
  } catch (e) { console.log(e) }
  console.timeEnd(id)
}
rmSync(dir, { recursive: true })
