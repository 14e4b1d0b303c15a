import { parseArgs } from 'node:util'
import { CODES, didYouMean, MigrateError } from '../index.ts'
import { COMMANDS, COMMON, type Option, usage, type Values } from './commands.ts'
import { errorText, ignoreGone, showProgress, tell } from './output.ts'
import { isStopped } from './stop.ts'

/**
 * The command line.
 *
 * @param argv the words behind the program's name
 * @returns the exit status: 0 fine, 1 failed, 2 wrong use, 3 something found
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    return await run(argv)
  } catch (error) {
    return fail(error, argv.includes('--json'), argv.includes('--verbose'))
  }
}

async function run(argv: readonly string[]): Promise<number> {
  const { name, words, values } = parse(argv)
  if (values.json && name === undefined && !values.help && !values.version) throw usage('there is no command')
  const command = values.help || values.version ? undefined : COMMANDS[name ?? '']
  if (command === undefined) {
    const { help, version } = await import('./help.ts')
    const told = values.version ? { version: version() } : { help: help(name) }
    print(values.json ? JSON.stringify(told) : Object.values(told).join(''))
    return values.help || values.version ? 0 : CODES.USAGE
  }
  if (values['no-color']) process.env.NO_COLOR = '1'
  const progress = showProgress()
  try {
    const {
      result,
      text,
      status = 0,
    } = await command.run(words, values, values.quiet ? () => {} : progress.on)
    progress.clear()
    if (values.json) print(JSON.stringify(result))
    else if (!values.quiet) print(text)
    return isStopped() ? CODES.ABORTED : status
  } finally {
    progress.clear()
  }
}

/** @throws USAGE */
function parse(argv: readonly string[]): { name: string | undefined; words: string[]; values: Values } {
  const all: Readonly<Record<string, Option>> = Object.assign(
    {},
    COMMON,
    ...Object.values(COMMANDS).map(optionsOf),
  )
  const { positionals, values } = parseAll(argv, all)
  const [name, ...words] = positionals
  if (name === undefined) return { name, words, values }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined)
    throw usage(`there is no command ${name}`, didYouMean(name, Object.keys(COMMANDS)))
  const stray = Object.keys(values).find((option) => !(option in COMMON || option in command.options))
  if (stray !== undefined)
    throw usage(`there is no option --${stray} of ${name}`, `"${name} --help" lists them`)
  return { name, words, values }
}

function parseAll(argv: readonly string[], options: Readonly<Record<string, Option>>) {
  const types: Record<string, { type: 'string' | 'boolean'; multiple: boolean }> = {}
  for (const [name, { value, many = false }] of Object.entries(options))
    types[name] = { type: value ? 'string' : 'boolean', multiple: many }
  try {
    const { positionals, values } = parseArgs({ args: [...argv], options: types, allowPositionals: true })
    return { positionals, values }
  } catch (error) {
    const [words = ''] = (error as Error).message.split('\n')
    const unknown = /^Unknown option '(.+?)'/.exec(words)?.[1]
    if (unknown === undefined) throw usage(words.replace(/\.$/, ''))
    const names = Object.keys(options).map((name) => `--${name}`)
    throw usage(`there is no option ${unknown}`, didYouMean(unknown, names))
  }
}

function optionsOf({ options }: { options: Readonly<Record<string, Option>> }) {
  return options
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
  else tell(errorText(known, verbose))
  return CODES[known.code]
}

function print(text: string): void {
  process.stdout.on('error', ignoreGone)
  process.stdout.write(`${text}\n`)
}
