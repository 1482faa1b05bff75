create schema better_auth;

create table better_auth.user (
  id text primary key,
  name text not null,
  email text not null unique,
  email_verified boolean not null default false,
  image text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table better_auth.session (
  id text primary key,
  token text not null unique,
  user_id text not null references better_auth.user (id) on delete cascade,
  expires_at timestamptz not null,
  ip_address text,
  user_agent text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index session_user_id_index on better_auth.session (user_id);

create table better_auth.account (
  id text primary key,
  account_id text not null,
  provider_id text not null,
  user_id text not null references better_auth.user (id) on delete cascade,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz,
  refresh_token_expires_at timestamptz,
  scope text,
  password text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index account_user_id_index on better_auth.account (user_id);

create table better_auth.verification (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create index verification_identifier_index on better_auth.verification (identifier);

grant usage on schema better_auth to itsor_app;

grant select, insert, update, delete on all tables in schema better_auth to itsor_app;
