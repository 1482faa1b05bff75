import { Client } from 'pg';

// Exits 0 when the PostgreSQL of the given URL answers within five seconds.
const client = new Client({ connectionString: process.argv[2], connectionTimeoutMillis: 5000 });
try {
  await client.connect();
  await client.end();
} catch {
  process.exitCode = 1;
}
