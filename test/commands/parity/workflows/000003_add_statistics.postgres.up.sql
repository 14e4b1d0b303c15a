CREATE TABLE "workflow_statistics" (
  "workflowId" bigint NOT NULL REFERENCES "workflow_entity" ("id") ON DELETE CASCADE,
  "name" varchar(64) NOT NULL,
  "count" integer NOT NULL DEFAULT 0,
  "seconds" double precision,
  "minutes" double precision GENERATED ALWAYS AS ("seconds" / 60) STORED,
  PRIMARY KEY ("workflowId", "name")
);

CREATE VIEW "active_workflows" AS SELECT "id", "name" FROM "workflow_entity" WHERE "active";

CREATE FUNCTION "count_execution"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO "workflow_statistics" AS s ("workflowId", "name", "count") VALUES (NEW."workflowId", 'executions', 1)
    ON CONFLICT ("workflowId", "name") DO UPDATE SET "count" = s."count" + 1;
  RETURN NULL;
END $$;

CREATE TRIGGER "count_execution" AFTER INSERT ON "execution_entity"
  FOR EACH ROW EXECUTE FUNCTION "count_execution"();
