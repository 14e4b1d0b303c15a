import { cpSync } from 'node:fs'
import { withData } from './files.ts'
import { history } from './schema.ts'

await withData(async () => {
  cpSync(history(), '/tmp/hist500', { recursive: true })
})
