import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { MigrateError } from './errors.ts'
import { didYouMean, place, skipBlank } from './text.ts'

/** One direction's SQL of one migration, with what its directives say. */
export interface Script {
  /** The file that it came from, as people are told. */
  readonly file: string
  /** The text without BOM, line ends as LF. */
  readonly text: string
  /** `sha256:` and the hash of `text`, so that a checkout on Windows is no edit. */
  readonly checksum: string
  /** Which file it was, by `stampOf`, when it was read. */
  readonly stamp?: string | undefined
  /** Not `-- migrate: no-transaction`, with which it is run statement by statement, outside a transaction. */
  readonly transaction: boolean
  /** `-- migrate: batch <rows>`: outside a transaction, and never more rows than these at once. */
  readonly batch?: number
  /** `-- migrate: irreversible <reason>`. */
  readonly irreversible?: string
  /** `-- migrate: nothing <reason>`. */
  readonly nothing?: string
  /** `-- translate: <table.column> <type>`: the types that columns have in the other database. */
  readonly hints?: Readonly<Record<string, string>>
  /** `-- lint: ignore <rule> <reason>`: what is not to be told of this script. */
  readonly ignores?: readonly Ignore[]
  /** Tables that are not dropped when the script says so, but renamed. */
  readonly parks?: ReadonlyMap<string, string>
}

/** A rule that does not hold for a script. */
export interface Ignore {
  readonly rule: string
  readonly reason: string
  /** Where the directive stands, in characters. */
  readonly at: number
}

/** The directives: what stands behind `-- migrate:` or `-- lint:`, and what each must be followed by. */
const DIRECTIVES = {
  'migrate: no-transaction': '',
  'migrate: batch': '<rows>',
  'migrate: irreversible': '<reason>',
  'migrate: nothing': '<reason>',
  'lint: ignore': '<rule> <reason>',
} as const

type Directive = keyof typeof DIRECTIVES

const DIRECTIVE_LINE = /^[ \t]*--[ \t]*(migrate|lint|translate):[ \t]*(.*?)[ \t]*$/

/** What stands behind `-- lint: ignore`. */
const IGNORE = /^(\S+)\s+(\S.*)$/

/** What stands behind `-- translate:`. */
const HINT = /^(\S+\.\S+)\s+(\S.*)$/

/**
 * Reads a script.
 *
 * @param file its name for people
 * @param raw  its text, with or without a BOM, lines ending in LF or CRLF
 * @param stamp which file it was, by `stampOf`
 * @throws FILE_TEXT (a NUL), DIRECTIVE, EMPTY_SCRIPT
 */
export function parseScript(file: string, raw: string, stamp?: string): Script {
  const start = raw.startsWith('\uFEFF') ? 1 : 0
  const text = raw.includes('\r\n') ? raw.slice(start).replaceAll('\r\n', '\n') : raw.slice(start)
  const nul = text.indexOf('\0')
  if (nul !== -1) {
    throw new MigrateError(
      'FILE_TEXT',
      `${file} holds a NUL character, where a database would stop reading`,
      {
        ...place(file, text, nul),
        hint: 'remove it, or save the file as UTF-8 if it is UTF-16',
      },
    )
  }
  let checksum: string | undefined
  const { directives, hints, ignores, batch, body } = readDirectives(file, text)
  const reason = directives.get('migrate: irreversible')
  const nothing = directives.get('migrate: nothing')
  const statements = skipBlank(text, body)
  if (nothing !== undefined && statements < text.length) {
    throw new MigrateError('DIRECTIVE', `${file} says "-- migrate: nothing" and yet holds a statement`, {
      ...place(file, text, statements),
      hint: 'remove the directive or the statement',
    })
  }
  if (nothing === undefined && reason === undefined && statements === text.length) {
    throw new MigrateError('EMPTY_SCRIPT', `${file} holds no statement`, {
      file,
      hint: 'write its SQL, or "-- migrate: nothing <reason>" where nothing is to be done',
    })
  }
  return {
    file,
    text,
    // Who only reads it needs none.
    get checksum() {
      checksum ??= checksumOf(text)
      return checksum
    },
    ...(stamp !== undefined && { stamp }),
    transaction: !directives.has('migrate: no-transaction') && batch === undefined,
    ...(batch !== undefined && { batch }),
    ...(reason !== undefined && { irreversible: reason }),
    ...(nothing !== undefined && { nothing }),
    ...(Object.keys(hints).length > 0 && { hints }),
    ...(ignores.length > 0 && { ignores }),
  }
}

/** Characters that are hashed at once: a copy is made of them. */
const CHUNK = 1 << 20

/** `sha256:` and the hash of a text. */
export function checksumOf(text: string): string {
  return `sha256:${sha256(text)}`
}

function sha256(text: string): string {
  // Loaded when a file is read: where nothing has changed since it was applied, none is.
  const { createHash, hash } = process.getBuiltinModule('node:crypto')
  if (text.length <= CHUNK) return hash('sha256', text)
  const sum = createHash('sha256')
  for (let start = 0; start < text.length; ) {
    // Not between the halves of a surrogate pair.
    const cut = start + CHUNK
    const end = isLowSurrogate(text.charCodeAt(cut)) ? cut + 1 : cut
    sum.update(text.slice(start, end))
    start = end
  }
  return sum.digest('hex')
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** Milliseconds that a change must be past for its time to tell it from another: more than any kernel's tick. */
const SETTLED = 20

/**
 * Tells a file from what it becomes when anybody writes to it, as git's index does: by its inode, size and times.
 * The system sets the time of change (ctime) itself at every write. Nothing where that time is too coarse to trust,
 * or too fresh.
 */
export function stampOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.ctimeMs % 1000 === 0 || Date.now() - stat.ctimeMs < SETTLED) return undefined
  return `${stat.ino}-${stat.size}-${stat.mtimeMs}-${stat.ctimeMs}`
}

/**
 * Reads a file's text.
 *
 * @throws FILE_TEXT if it cannot be read, or is not UTF-8
 */
export function readText(path: string, file: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    // Where bytes are no UTF-8, this character stands for them: only then are the bytes looked at.
    if (!text.includes('\uFFFD')) return text
    const bytes = readFileSync(path)
    if (isUtf8(bytes)) return text
    throw new MigrateError('FILE_TEXT', `${file} is not UTF-8`, {
      file,
      line: invalidLine(bytes),
      hint: 'save the file as UTF-8',
    })
  } catch (cause) {
    if (cause instanceof MigrateError) throw cause
    const isGone = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new MigrateError('FILE_TEXT', `cannot read ${file}: ${(cause as Error).message}`, {
      file,
      cause,
      hint: isGone ? 'look for it: the name is as it was given' : 'let this user read the file',
    })
  }
}

function invalidLine(bytes: Buffer): number {
  let line = 1
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start)
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line
    start = end + 1
  }
}

/** What the directives of a script say. */
interface Directives {
  readonly directives: ReadonlyMap<Directive, string>
  readonly hints: Readonly<Record<string, string>>
  readonly ignores: readonly Ignore[]
  readonly batch?: number
  /** Where the comment lines at the top end, in which they stand. */
  readonly body: number
}

function readDirectives(file: string, text: string): Directives {
  const directives = new Map<Directive, string>()
  const ignores: Ignore[] = []
  let batch: number | undefined
  const hints: Record<string, string> = {}
  let body = 0
  while (body < text.length) {
    const end = text.indexOf('\n', body)
    const line = text.slice(body, end === -1 ? text.length : end)
    if (line.trim() !== '' && !line.trimStart().startsWith('--')) break
    const found = DIRECTIVE_LINE.exec(line)
    if (found?.[1] === 'translate') {
      const [, column = '', type = ''] = HINT.exec(found[2] ?? '') ?? []
      if (column === '') throw badHint(file, text, body)
      hints[column] = type
    } else if (found) {
      const { directive, rest } = readDirective(`${found[1]}: ${found[2]}`, file, text, body)
      const [, rule = '', reason = ''] = IGNORE.exec(rest) ?? []
      if (directive === 'lint: ignore') ignores.push({ rule, reason, at: body })
      else directives.set(directive, rest)
      if (directive === 'migrate: batch') batch = readRows(rest, file, text, body)
    }
    body = end === -1 ? text.length : end + 1
  }
  const below = /^[ \t]*--[ \t]*(?:migrate:|translate:[ \t]*\S+\.\S+[ \t]+\S|lint:[ \t]*ignore)/m
  const stray = /migrate:|translate:|lint:/.test(text) && below.exec(text.slice(body))
  if (stray) {
    throw new MigrateError('DIRECTIVE', `a directive in ${file} stands below the first statement`, {
      ...place(file, text, body + stray.index),
      hint: 'move it to the comment lines at the top of the file',
    })
  }
  return { directives, hints, ignores, ...(batch !== undefined && { batch }), body }
}

function readRows(rest: string, file: string, text: string, offset: number): number {
  const rows = Number(rest)
  if (/^\d+$/.test(rest) && Number.isSafeInteger(rows) && rows > 0) return rows
  throw new MigrateError(
    'DIRECTIVE',
    `"migrate: batch" needs a whole number from 1 behind it, not "${rest}"`,
    {
      ...place(file, text, offset),
      hint: 'write how many rows a batch may have, such as "-- migrate: batch 1000"',
    },
  )
}

function badHint(file: string, text: string, offset: number): MigrateError {
  return new MigrateError('DIRECTIVE', '"translate:" needs its <table.column> <type> behind it', {
    ...place(file, text, offset),
    hint: 'such as "-- translate: users.metadata jsonb"',
  })
}

function readDirective(said: string, file: string, text: string, offset: number) {
  const names = Object.keys(DIRECTIVES) as Directive[]
  const directive = names.find((name) => said === name || said.startsWith(`${name} `))
  if (directive === undefined) {
    const [kind, word = ''] = said.split(/\s+/, 2)
    throw new MigrateError('DIRECTIVE', `unknown directive "${kind} ${word}"`, {
      ...place(file, text, offset),
      hint:
        said === 'migrate: up' || said === 'migrate: down'
          ? 'this looks like a file of dbmate: put each direction into a file of its own, NAME.up.sql and NAME.down.sql'
          : (didYouMean(`${kind} ${word}`, names) ?? `the directives are ${names.join(', ')}`),
    })
  }
  const rest = said.slice(directive.length).trim()
  const form = DIRECTIVES[directive]
  const wanted = form === '' ? 0 : form.split(' ').length
  const given = rest === '' ? 0 : rest.split(/\s+/).length
  if (given < wanted || (wanted === 0 && given > 0)) {
    const message = wanted === 0 ? `takes nothing behind it` : `needs its ${form} behind it`
    throw new MigrateError('DIRECTIVE', `"${directive}" ${message}`, {
      ...place(file, text, offset),
      hint: `write "-- ${directive}${form && ` ${form}`}"`,
    })
  }
  return { directive, rest }
}
