CREATE TABLE "known_devices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid NOT NULL,
	"device" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"told_at" timestamp (3) with time zone,
	CONSTRAINT "known_devices_user_id_device_unique" UNIQUE("user_id","device")
);
--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "late_device" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "late_answered_at" timestamp (3) with time zone[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "late_counter" integer;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "late_steps" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "known_devices" ADD CONSTRAINT "known_devices_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;