import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { KINDS, withFolder } from '../matrix.ts'
import { json } from '../process.ts'

/** What libpq understands, through the command line: https://www.postgresql.org/docs/current/libpq-connect.html */
for (const kind of KINDS.filter(({ dialect }) => dialect === 'postgres')) {
  describe(`libpq's ways to say where the server is, ${kind.label}`, () => {
    const status = (url: string, env: Record<string, string> = {}) =>
      json(['status', '--database', url], { env })

    test('1 PGPASSWORD, PGUSER, PGHOST, PGPORT, PGDATABASE', () =>
      kind.scratch(async ({ url }) => {
        const { hostname, port, username, password, pathname } = new URL(url)
        const database = pathname.slice(1)
        const bare = await status(`postgres://${username}@${hostname}:${port}/${database}`, {
          PGPASSWORD: password,
        })
        assert.equal(bare.document.upToDate, false)
        const all = {
          PGHOST: hostname,
          PGPORT: port,
          PGUSER: username,
          PGPASSWORD: password,
          PGDATABASE: database,
        }
        assert.equal((await status('postgres://', all)).document.upToDate, false)
      }))

    test('2 a service file', () =>
      kind.scratch(({ url }) =>
        withFolder(async (folder) => {
          const { hostname, port, username, password, pathname } = new URL(url)
          const file = join(folder, 'pg_service.conf')
          writeFileSync(
            file,
            `# services\n[other]\nhost=none\n\n[app]\nhost=${hostname}\nport=${port}\nuser=${username}\npassword=${password}\ndbname=${pathname.slice(1)}\n`,
          )
          const env = { PGSERVICEFILE: file }
          assert.equal((await status('postgres://?service=app', env)).document.upToDate, false)
          assert.equal((await status('postgres://', { ...env, PGSERVICE: 'app' })).document.upToDate, false)
          const none = await status('postgres://?service=none', env)
          assert.equal(none.document.error?.code, 'CONFIG')
        }),
      ))

    test('3 sslmode: prefer takes a server without SSL, require does not', () =>
      kind.scratch(async ({ url }) => {
        for (const mode of ['disable', 'allow', 'prefer']) {
          assert.equal((await status(`${url}?sslmode=${mode}`)).document.upToDate, false, mode)
          assert.equal((await status(url, { PGSSLMODE: mode })).document.upToDate, false, mode)
        }
        const required = await status(`${url}?sslmode=require`)
        assert.equal(required.document.error?.code, 'CONNECTION')
        assert.match(required.document.error?.message ?? '', /SSL/)
      }))

    test('4 a schema of its own, by the search_path', () =>
      kind.scratch(async ({ url, query }) => {
        await query('CREATE SCHEMA app')
        const { document } = await json(['up', '--database', `${url}?options=-csearch_path%3Dapp`])
        assert.equal(document.applied?.length, 3)
        const rows = await query(
          `SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('users', 'schema_migrations')`,
        )
        assert.deepEqual(rows, [{ schemaname: 'app' }])
        const none = await json(['up', '--database', `${url}?options=-csearch_path%3Dnowhere`])
        assert.equal(none.document.error?.code, 'DATABASE')
      }))
  })
}
