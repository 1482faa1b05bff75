ALTER TABLE "users" ADD COLUMN "familiar_ip" "inet";--> statement-breakpoint
CREATE INDEX "uploads_owner_index" ON "uploads" USING btree ("user_id");