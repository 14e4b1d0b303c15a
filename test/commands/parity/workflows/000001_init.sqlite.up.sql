CREATE TABLE "user" (
  "id" varchar PRIMARY KEY NOT NULL,
  "email" varchar(255) COLLATE NOCASE,
  "roles" text NOT NULL DEFAULT '[]',
  "disabled" boolean NOT NULL DEFAULT (FALSE),
  "createdAt" datetime(3) NOT NULL DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')),
  CONSTRAINT "UQ_user_email" UNIQUE ("email")
);

CREATE TABLE "workflow_entity" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "name" varchar(128) NOT NULL CHECK (length("name") <= 128),
  "active" boolean NOT NULL DEFAULT 0,
  "nodes" text NOT NULL CHECK (json_valid("nodes")),
  "ownerId" varchar REFERENCES "user" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
  "createdAt" datetime(3) NOT NULL DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW'))
);

CREATE TABLE "execution_entity" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "workflowId" integer NOT NULL,
  "status" text NOT NULL DEFAULT 'new' CHECK ("status" IN ('new', 'running', 'success', 'error')),
  "startedAt" datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "finished" boolean NOT NULL,
  "data" text,
  "tries" integer NOT NULL DEFAULT 0 CHECK ("tries" BETWEEN 0 AND 10),
  CONSTRAINT "FK_execution_workflow" FOREIGN KEY ("workflowId") REFERENCES "workflow_entity" ("id") ON DELETE CASCADE
);

CREATE INDEX "IDX_execution_status" ON "execution_entity" ("status", "startedAt");
CREATE INDEX "IDX_execution_waiting" ON "execution_entity" ("startedAt") WHERE "finished" = 0;
CREATE UNIQUE INDEX "IDX_workflow_name" ON "workflow_entity" (lower("name"));
