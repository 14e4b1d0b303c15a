import { parseArgs } from 'node:util'
import { CODES, didYouMean, MigrateError } from '../index.ts'
import { COMMANDS, COMMON, type Option, usage, type Values } from './commands.ts'
import { errorText, progressOn } from './output.ts'

/**
 * The command line.
 *
 * @param argv the words behind the program's name
 * @returns the exit status: 0 fine, 1 failed, 2 wrong use, 3 something found
 */
export async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  try {
    return await run(argv)
  } catch (error) {
    return fail(error, argv.includes('--json'), argv.includes('--verbose'))
  }
}

async function run(argv: readonly string[]): Promise<number> {
  const { name, words, values } = parse(argv)
  if (values.version || values.help || name === undefined) {
    const { help, version } = await import('./help.ts')
    print(values.version ? version() : help(name))
    return name === undefined && !values.help && !values.version ? CODES.USAGE : 0
  }
  if (values['no-color']) process.env.NO_COLOR = '1'
  const progress = progressOn(process.stderr, values.quiet === true)
  try {
    const outcome = await COMMANDS[name]?.run(words, values, progress.on)
    progress.end()
    if (values.json) print(JSON.stringify(outcome?.result))
    else if (!values.quiet) print(outcome?.text ?? '')
    return outcome?.status ?? 0
  } finally {
    progress.end()
  }
}

/** @throws USAGE */
function parse(argv: readonly string[]): { name: string | undefined; words: string[]; values: Values } {
  // The first pass finds the command, the second judges its options.
  const all = Object.assign({}, COMMON, ...Object.values(COMMANDS).map(({ options }) => options))
  const loose = parseArgs({ args: [...argv], options: types(all), strict: false, allowPositionals: true })
  const [name] = loose.positionals
  if (name !== undefined && !Object.hasOwn(COMMANDS, name)) {
    throw usage(`there is no command ${name}`, didYouMean(name, Object.keys(COMMANDS)))
  }
  const known = { ...COMMON, ...(name === undefined ? {} : COMMANDS[name]?.options) }
  try {
    const { positionals, values } = parseArgs({
      args: [...argv],
      options: types(known),
      allowPositionals: true,
    })
    return { name, words: positionals.slice(1), values }
  } catch (error) {
    const unknown = /'(--?[^' ]+)/.exec((error as Error).message)?.[1] ?? ''
    const names = Object.keys(known).map((option) => `--${option}`)
    throw names.includes(unknown)
      ? usage((error as Error).message.split('\n')[0]?.replace(/\.?$/, '') ?? '')
      : usage(
          `there is no option ${unknown}${name === undefined ? '' : ` of ${name}`}`,
          didYouMean(unknown, names),
        )
  }
}

function types(options: Readonly<Record<string, Option>>) {
  const entries = Object.entries(options).map(([name, { value }]) => {
    return [name, { type: value === undefined ? ('boolean' as const) : ('string' as const) }] as const
  })
  return Object.fromEntries(entries)
}

function fail(error: unknown, json: boolean, verbose: boolean): number {
  const known =
    error instanceof MigrateError
      ? error
      : new MigrateError('INTERNAL', error instanceof Error ? error.message : String(error), {
          hint: 'this is a fault of nexflow-migrate: please report it with the output of --verbose',
          cause: error,
        })
  if (json) print(JSON.stringify({ error: known }))
  else process.stderr.write(errorText(known, verbose))
  return CODES[known.code]
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
