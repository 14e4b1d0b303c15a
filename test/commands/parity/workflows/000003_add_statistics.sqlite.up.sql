CREATE TABLE "workflow_statistics" (
  "workflowId" integer NOT NULL REFERENCES "workflow_entity" ("id") ON DELETE CASCADE,
  "name" varchar(64) NOT NULL,
  "count" integer NOT NULL DEFAULT 0,
  "seconds" real,
  "minutes" real GENERATED ALWAYS AS ("seconds" / 60) VIRTUAL,
  PRIMARY KEY ("workflowId", "name")
);

CREATE VIEW "active_workflows" AS SELECT "id", "name" FROM "workflow_entity" WHERE "active" = 1;

CREATE TRIGGER "count_execution" AFTER INSERT ON "execution_entity"
BEGIN
  INSERT INTO "workflow_statistics" ("workflowId", "name", "count") VALUES (NEW."workflowId", 'executions', 1)
    ON CONFLICT ("workflowId", "name") DO UPDATE SET "count" = "count" + 1;
END;
