CREATE TABLE "tag_entity" (
  "id" integer PRIMARY KEY NOT NULL,
  "name" varchar(24) NOT NULL UNIQUE
);

CREATE TABLE "workflows_tags" (
  "workflowId" integer NOT NULL REFERENCES "workflow_entity" ("id") ON DELETE CASCADE,
  "tagId" integer NOT NULL REFERENCES "tag_entity" ("id") ON DELETE CASCADE,
  PRIMARY KEY ("workflowId", "tagId")
) WITHOUT ROWID;
