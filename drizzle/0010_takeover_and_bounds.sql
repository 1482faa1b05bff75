CREATE TABLE "erasures" (
	"account_id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
-- destructive: the version before relies on it only to delete the sessions of a deleted account; such a session opens
-- nothing without its account, and the purge takes it away once it has expired.
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_user_id_users_id_fk";
--> statement-breakpoint
-- destructive: "sessions_user_id_id_index" below serves every statement that this one served.
DROP INDEX "sessions_user_id_index";--> statement-breakpoint
ALTER TABLE "identities" ADD COLUMN "email" text collate "C";--> statement-breakpoint
-- destructive: it writes only the column that is new. An identity that is vouched for was vouched for at this address.
UPDATE "identities" SET "email" = "users"."email" FROM "users" WHERE "users"."id" = "identities"."user_id" AND "identities"."vouched";--> statement-breakpoint
ALTER TABLE "one_time_tokens" ADD COLUMN "proved_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "sessions_user_id_id_index" ON "sessions" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "sessions_live_index" ON "sessions" USING btree ("user_id","id") WHERE "sessions"."revoked_at" is null;