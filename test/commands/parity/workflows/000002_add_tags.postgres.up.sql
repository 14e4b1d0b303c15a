CREATE TABLE "tag_entity" (
  "id" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "name" varchar(24) NOT NULL,
  CONSTRAINT "UQ_tag_name" UNIQUE ("name")
);

CREATE TABLE "workflows_tags" (
  "workflowId" bigint NOT NULL,
  "tagId" integer NOT NULL,
  CONSTRAINT "PK_workflows_tags" PRIMARY KEY ("workflowId", "tagId"),
  CONSTRAINT "FK_workflows_tags_workflow" FOREIGN KEY ("workflowId") REFERENCES "workflow_entity" ("id") ON DELETE CASCADE,
  CONSTRAINT "FK_workflows_tags_tag" FOREIGN KEY ("tagId") REFERENCES "tag_entity" ("id") ON DELETE CASCADE
);
