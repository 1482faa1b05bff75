-- destructive: a constraint less refuses nothing. The version before subtracts from this table the files that the new
-- one has declared without adding them, and a negative number must not fail its deletions.
ALTER TABLE "upload_usage" DROP CONSTRAINT "upload_usage_is_not_negative";
