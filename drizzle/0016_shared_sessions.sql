ALTER TABLE "sessions" ADD COLUMN "refreshed_ip" "inet";--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "shared_at" timestamp (3) with time zone;