ALTER TABLE "one_time_tokens" ALTER COLUMN "email" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "email" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "users" ALTER COLUMN "username" SET DATA TYPE text collate "C";--> statement-breakpoint
CREATE INDEX "audit_events_type_index" ON "audit_events" USING btree ("type","id");--> statement-breakpoint
CREATE INDEX "audit_events_actor_id_index" ON "audit_events" USING btree ("actor_id","id") WHERE "audit_events"."actor_id" is distinct from "audit_events"."subject_id";--> statement-breakpoint
INSERT INTO "roles" ("name", "permissions", "created_at") VALUES ('admin', '{users:read,users:write,sessions:revoke,roles:read,roles:write,audit:read,uploads:read}', now()) ON CONFLICT ("name") DO UPDATE SET "permissions" = excluded."permissions";
