// Written by "nexflow-migrate types" from the migrations. A change in here is lost the next time.

/** All tables, by the dialect of the database. */
export interface Databases {
  sqlite: SqliteDatabase
  postgres: PostgresDatabase
}

export interface SqliteDatabase {
  logs: SqliteLogsTable
  messages: SqliteMessagesTable
  schedules: SqliteSchedulesTable
  sessions: SqliteSessionsTable
  skills: SqliteSkillsTable
  tasks: SqliteTasksTable
  users: SqliteUsersTable
}

export interface SqliteLogsTable {
  id: string
  level: 'debug' | 'info' | 'warn' | 'error'
  source: string
  message: string
  metadata: string | null
  created_at: Generated<string>
}

export type SqliteLog = Selectable<SqliteLogsTable>
export type SqliteNewLog = Insertable<SqliteLogsTable>
export type SqliteLogUpdate = Updateable<SqliteLogsTable>

export interface SqliteMessagesTable {
  id: string
  session_id: string
  role: 'user' | 'assistant' | 'system' | 'tool'
  content: string
  created_at: Generated<string>
}

export type SqliteMessage = Selectable<SqliteMessagesTable>
export type SqliteNewMessage = Insertable<SqliteMessagesTable>
export type SqliteMessageUpdate = Updateable<SqliteMessagesTable>

export interface SqliteSchedulesTable {
  id: string
  skill: string
  cron_expression: string
  input: string
  enabled: Generated<0 | 1>
  created_at: Generated<string>
}

export type SqliteSchedule = Selectable<SqliteSchedulesTable>
export type SqliteNewSchedule = Insertable<SqliteSchedulesTable>
export type SqliteScheduleUpdate = Updateable<SqliteSchedulesTable>

export interface SqliteSessionsTable {
  id: string
  user_id: string
  created_at: Generated<string>
  updated_at: Generated<string>
}

export type SqliteSession = Selectable<SqliteSessionsTable>
export type SqliteNewSession = Insertable<SqliteSessionsTable>
export type SqliteSessionUpdate = Updateable<SqliteSessionsTable>

export interface SqliteSkillsTable {
  id: string
  name: string
  version: string
  location: string
  permissions: string
  metadata: string
  created_at: Generated<string>
}

export type SqliteSkill = Selectable<SqliteSkillsTable>
export type SqliteNewSkill = Insertable<SqliteSkillsTable>
export type SqliteSkillUpdate = Updateable<SqliteSkillsTable>

export interface SqliteTasksTable {
  id: string
  session_id: string
  skill: string
  input: string
  output: string | null
  status: 'pending' | 'running' | 'completed' | 'failed'
  error: string | null
  created_at: Generated<string>
  updated_at: Generated<string>
}

export type SqliteTask = Selectable<SqliteTasksTable>
export type SqliteNewTask = Insertable<SqliteTasksTable>
export type SqliteTaskUpdate = Updateable<SqliteTasksTable>

export interface SqliteUsersTable {
  id: string
  channel: string
  channel_user_id: string
  created_at: Generated<string>
  metadata: string | null
}

export type SqliteUser = Selectable<SqliteUsersTable>
export type SqliteNewUser = Insertable<SqliteUsersTable>
export type SqliteUserUpdate = Updateable<SqliteUsersTable>

export interface PostgresDatabase {
  logs: PostgresLogsTable
  messages: PostgresMessagesTable
  schedules: PostgresSchedulesTable
  sessions: PostgresSessionsTable
  skills: PostgresSkillsTable
  tasks: PostgresTasksTable
  users: PostgresUsersTable
}

export type PostgresLogLevel = 'debug' | 'info' | 'warn' | 'error'

export type PostgresMessageRole = 'user' | 'assistant' | 'system' | 'tool'

export type PostgresTaskStatus = 'pending' | 'running' | 'completed' | 'failed'

export interface PostgresLogsTable {
  id: Generated<string>
  level: PostgresLogLevel
  source: string
  message: string
  metadata: JsonColumn | null
  created_at: Generated<Timestamp>
}

export type PostgresLog = Selectable<PostgresLogsTable>
export type PostgresNewLog = Insertable<PostgresLogsTable>
export type PostgresLogUpdate = Updateable<PostgresLogsTable>

export interface PostgresMessagesTable {
  id: Generated<string>
  session_id: string
  role: PostgresMessageRole
  content: string
  created_at: Generated<Timestamp>
}

export type PostgresMessage = Selectable<PostgresMessagesTable>
export type PostgresNewMessage = Insertable<PostgresMessagesTable>
export type PostgresMessageUpdate = Updateable<PostgresMessagesTable>

export interface PostgresSchedulesTable {
  id: Generated<string>
  skill: string
  cron_expression: string
  input: JsonColumn
  enabled: Generated<boolean>
  created_at: Generated<Timestamp>
}

export type PostgresSchedule = Selectable<PostgresSchedulesTable>
export type PostgresNewSchedule = Insertable<PostgresSchedulesTable>
export type PostgresScheduleUpdate = Updateable<PostgresSchedulesTable>

export interface PostgresSessionsTable {
  id: Generated<string>
  user_id: string
  created_at: Generated<Timestamp>
  updated_at: Generated<Timestamp>
}

export type PostgresSession = Selectable<PostgresSessionsTable>
export type PostgresNewSession = Insertable<PostgresSessionsTable>
export type PostgresSessionUpdate = Updateable<PostgresSessionsTable>

export interface PostgresSkillsTable {
  id: Generated<string>
  name: string
  version: string
  location: string
  permissions: JsonColumn
  metadata: JsonColumn
  created_at: Generated<Timestamp>
}

export type PostgresSkill = Selectable<PostgresSkillsTable>
export type PostgresNewSkill = Insertable<PostgresSkillsTable>
export type PostgresSkillUpdate = Updateable<PostgresSkillsTable>

export interface PostgresTasksTable {
  id: Generated<string>
  session_id: string
  skill: string
  input: JsonColumn
  output: JsonColumn | null
  status: PostgresTaskStatus
  error: string | null
  created_at: Generated<Timestamp>
  updated_at: Generated<Timestamp>
}

export type PostgresTask = Selectable<PostgresTasksTable>
export type PostgresNewTask = Insertable<PostgresTasksTable>
export type PostgresTaskUpdate = Updateable<PostgresTasksTable>

export interface PostgresUsersTable {
  id: Generated<string>
  channel: string
  channel_user_id: string
  created_at: Generated<Timestamp>
  metadata: JsonColumn | null
}

export type PostgresUser = Selectable<PostgresUsersTable>
export type PostgresNewUser = Insertable<PostgresUsersTable>
export type PostgresUserUpdate = Updateable<PostgresUsersTable>

export type Timestamp = ColumnType<Date, Date | string>

/** Of an array, INSERT takes the JSON text: the driver would make an array of PostgreSQL of it. */
export type JsonColumn = ColumnType<Json, { [key: string]: Json } | string>

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** Optional in INSERT. */
export type Generated<T> =
  T extends ColumnType<infer S, infer I, infer U>
    ? ColumnType<S, I | undefined, U>
    : ColumnType<T, T | undefined, T>

/** What a query gives, INSERT takes and UPDATE takes; the same as Kysely's. */
export type ColumnType<S, I = S, U = I> = {
  readonly __select__: S
  readonly __insert__: I
  readonly __update__: U
}

/** A row as a query gives it. */
export type Selectable<T> = { [K in keyof T]: SelectOf<T[K]> }

type SelectOf<C> = C extends { readonly __select__: infer S } ? S : C

/** A row as INSERT takes it. */
export type Insertable<T> = {
  [K in keyof T as Need<InsertOf<T[K]>> extends 'must' ? K : never]: InsertOf<T[K]>
} & {
  [K in keyof T as Need<InsertOf<T[K]>> extends 'may' ? K : never]?: InsertOf<T[K]>
}

type InsertOf<C> = C extends { readonly __insert__: infer I } ? I : C
type Need<I> = [I] extends [never] ? 'never' : [Extract<I, null | undefined>] extends [never] ? 'must' : 'may'

/** What UPDATE takes. */
export type Updateable<T> = {
  [K in keyof T as [UpdateOf<T[K]>] extends [never] ? never : K]?: UpdateOf<T[K]> | undefined
}

type UpdateOf<C> = C extends { readonly __update__: infer U } ? U : C
