CREATE TABLE "scan_events" (
	"id" text PRIMARY KEY NOT NULL,
	"received_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "upload_usage" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"files" integer NOT NULL,
	"bytes" bigint NOT NULL,
	CONSTRAINT "upload_usage_is_not_negative" CHECK ("upload_usage"."files" >= 0 and "upload_usage"."bytes" >= 0)
);
--> statement-breakpoint
CREATE TABLE "uploads" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" uuid,
	"filename" text NOT NULL,
	"content_type" text NOT NULL,
	"size" bigint NOT NULL,
	"sha256" text NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"object_name" text NOT NULL,
	"etag" text,
	"promoted_etag" text,
	"verdict" text,
	"verdict_etag" text,
	"verdict_engine" text,
	"verdict_detail" text,
	"verdict_at" timestamp (3) with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp (3) with time zone,
	"given_up_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"completed_at" timestamp (3) with time zone,
	"deleted_at" timestamp (3) with time zone,
	"bytes_deleted_at" timestamp (3) with time zone,
	CONSTRAINT "uploads_status_is_known" CHECK ("uploads"."status" in ('pending', 'scanning', 'clean', 'infected', 'failed')),
	CONSTRAINT "uploads_size_is_positive" CHECK ("uploads"."size" > 0),
	CONSTRAINT "uploads_sha256_is_hex" CHECK ("uploads"."sha256" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "uploads_clean_is_proved" CHECK ("uploads"."status" <> 'clean' or coalesce("uploads"."verdict" = 'clean' and "uploads"."verdict_etag" = "uploads"."etag", false))
);
--> statement-breakpoint
ALTER TABLE "upload_usage" ADD CONSTRAINT "upload_usage_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "scan_events_received_at_index" ON "scan_events" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "uploads_user_id_index" ON "uploads" USING btree ("user_id","id") WHERE "uploads"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "uploads_due_index" ON "uploads" USING btree ("next_attempt_at") WHERE "uploads"."next_attempt_at" is not null;--> statement-breakpoint
CREATE INDEX "uploads_without_owner_index" ON "uploads" USING btree ("id") WHERE "uploads"."user_id" is null;--> statement-breakpoint
CREATE INDEX "uploads_given_up_index" ON "uploads" USING btree ("given_up_at") WHERE "uploads"."given_up_at" is not null;