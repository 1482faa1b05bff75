-- Rows that were deleted while their bytes were being taken away, and waited for nobody since.
UPDATE "uploads" SET "next_attempt_at" = now() WHERE "next_attempt_at" is null and ("deleted_at" is not null
  or not ("status" = 'clean' and "promoted_etag" is not null or "status" in ('infected', 'failed') and "bytes_deleted_at" is not null));
--> statement-breakpoint
-- destructive: the version before runs into it only where it would leave a row without an end; that job fails, and its lease brings it back.
ALTER TABLE "uploads" ADD CONSTRAINT "uploads_open_work_is_due" CHECK ("uploads"."next_attempt_at" is not null or ("uploads"."deleted_at" is null and (
        ("uploads"."status" = 'clean' and "uploads"."promoted_etag" is not null)
        or ("uploads"."status" in ('infected', 'failed') and "uploads"."bytes_deleted_at" is not null))));
