INSERT INTO "roles" ("name", "permissions", "created_at") VALUES ('user', '{}', now()) ON CONFLICT DO NOTHING;
