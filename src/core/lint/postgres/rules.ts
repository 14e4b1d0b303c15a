import type { Rule } from '../rule.ts'
export const POSTGRES_RULES: readonly Rule[] = [
  {
    id: 'create-index',
    dialect: 'postgres',
    topic: 'locks',
    severity: 'error',
    what: 'a',
    why: 'b',
    safe: 'c',
    bad: { before: 'CREATE TABLE t (a int)', up: 'CREATE INDEX i ON t (a)' },
    good: { up: 'CREATE TABLE t (a int)' },
  },
  {
    id: 'fails',
    dialect: 'postgres',
    topic: 'failing',
    severity: 'error',
    what: 'a',
    why: 'b',
    safe: 'c',
    bad: { up: 'CREATE TABL t (a int)' },
    good: { up: 'CREATE TABLE t (a int)' },
  },
]
