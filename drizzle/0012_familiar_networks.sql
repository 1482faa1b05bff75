ALTER TABLE "users" ADD COLUMN "familiar_reset_sent_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "familiar_since" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "sessions_network_index" ON "sessions" USING btree ("user_id",network(set_masklen("ip", case family("ip") when 4 then 24 else 64 end)),"id");