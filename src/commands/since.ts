import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { MigrateError } from '../core/errors.ts'
import { shortest } from '../core/text.ts'

const run = promisify(execFile)

/** Bytes of names that git may print. */
const MOST = 64 * 2 ** 20

/**
 * The files in a folder that have come or changed since a branch left a revision: in its commits, in the work tree,
 * and those that git does not know yet.
 *
 * @returns paths, as `folder` begins
 * @throws USAGE if the folder is in no repository or there is no such revision, TOOL without git
 */
export async function changedSince(revision: string, folder: string): Promise<string[]> {
  const commit = await git(folder, ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`]).catch(
    (error: unknown) => {
      throw error instanceof MigrateError ? error : noRevision(revision)
    },
  )
  const base = await git(folder, ['merge-base', commit.trim(), 'HEAD']).catch((cause: unknown) => {
    throw new MigrateError('USAGE', `this branch and ${revision} have no commit in common`, {
      hint: 'where git was told to fetch only the last commits, fetch them all: git fetch --unshallow',
      cause,
    })
  })
  const diff = ['diff', '--name-only', '--relative', '-z', '--diff-filter=ACMR', base.trim(), '--', '.']
  const others = ['ls-files', '--others', '--exclude-standard', '-z', '--', '.']
  const names = [await git(folder, diff), await git(folder, others)].flatMap((text) => text.split('\0'))
  return names.filter((name) => name !== '').map((name) => join(folder, name))
}

function noRevision(revision: string): MigrateError {
  return new MigrateError('USAGE', `git knows no revision ${revision}`, {
    hint: 'name a branch, a tag or a commit, such as --since origin/main; git fetch brings what is missing here',
  })
}

/** What a command of git prints. A revision is never read as an option: it has `^{commit}` behind it, or is a hash. */
async function git(folder: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run('git', ['-C', folder, ...args], {
      maxBuffer: MOST,
      // Its words are read here.
      env: { ...process.env, LC_ALL: 'C' },
    })
    return stdout
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') {
      throw new MigrateError('TOOL', 'git is not installed, and --since asks it what a branch changes', {
        hint: 'install git, or name the files',
        cause,
      })
    }
    if (/not a git repository|dubious ownership/.test(stderr)) {
      const [why = ''] = stderr.replace(/^fatal: /, '').split('\n')
      throw new MigrateError('USAGE', `git does not say what has changed in ${shortest(folder)}: ${why}`, {
        hint: 'name the files, or work in a clone of the repository',
        cause,
      })
    }
    throw cause
  }
}
