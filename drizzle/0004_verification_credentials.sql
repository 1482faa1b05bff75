ALTER TABLE "one_time_tokens" ADD COLUMN "password_hash" text;--> statement-breakpoint
ALTER TABLE "one_time_tokens" ADD COLUMN "username" text collate "C";--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "reset_sent_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "exists_notice_sent_at" timestamp (3) with time zone;