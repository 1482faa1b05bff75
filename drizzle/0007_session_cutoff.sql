CREATE TABLE "session_cutoff" (
	"id" smallint PRIMARY KEY NOT NULL,
	"not_before" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "session_cutoff_is_one_row" CHECK ("session_cutoff"."id" = 1)
);
