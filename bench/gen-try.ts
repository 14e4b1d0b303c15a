import { history } from './schema.ts'
import { withData } from './files.ts'
import { cpSync } from 'node:fs'
await withData(async () => { cpSync(history(), '/tmp/hist500', { recursive: true }) })
