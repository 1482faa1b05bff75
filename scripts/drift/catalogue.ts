import { type Client, escapeLiteral } from 'pg';
import { inSnapshot } from '../recovery/tables.ts';

/** The parts of a database: the definition of each by its name. */
export type Catalogue = ReadonlyMap<string, string>;

export type RoleNames = { readonly migrator: string; readonly app: string };

const ours = "'public'::regnamespace";
const notOfExtensions = (catalogue: string, oid: string) =>
  `not exists (select from pg_depend e where e.classid = '${catalogue}'::regclass and e.objid = ${oid} and e.deptype = 'e')`;
const relations = `pg_class c where c.relnamespace = ${ours} and ${notOfExtensions('pg_class', 'c.oid')}`;

/** The two roles by their purpose, whatever their names are in this database. */
const roleOf = (oid: string, { migrator, app }: RoleNames) =>
  `case pg_get_userbyid(${oid})::text when ${escapeLiteral(app)} then 'the app' when ${escapeLiteral(migrator)} then 'the migrator' else pg_get_userbyid(${oid})::text end`;

/** Privileges, except those of the owner and of administrators, who can grant themselves all of them. */
const grants = (roles: RoleNames, kind: string, from: string) => `
  select format('%s of %s on ${kind} %s', a.privilege_type || case when a.is_grantable then ' with grant option' else '' end,
      case when a.grantee = 0 then 'everybody' else ${roleOf('a.grantee', roles)} end, name), ''
  from ${from} cross join lateral aclexplode(acl) a left join pg_roles r on r.oid = a.grantee
  where a.grantee <> owner and not coalesce(r.rolsuper or r.rolcreaterole, false)`;

/** NOT NULL is told with the columns: as constraints only PostgreSQL 18 has them. */
const queriesFor = (roles: RoleNames): readonly string[] => [
  `select 'table ' || c.relname, concat_ws(', ', 'owned by ' || ${roleOf('c.relowner', roles)},
     case when c.relpersistence <> 'p' then 'not persistent' end, case when c.relrowsecurity then 'row security' end)
   from ${relations} and c.relkind in ('r', 'p')`,
  `select 'column ' || c.relname || '.' || a.attname,
     format_type(a.atttypid, a.atttypmod)
       || case when a.attcollation <> t.typcollation then ' collate ' || quote_ident(l.collname) else '' end
       || case when a.attnotnull then ' not null' else '' end
       || case when a.attidentity <> '' then ' identity ' || a.attidentity::text else '' end
       || case when a.attgenerated <> '' then ' generated as ' when d.oid is not null then ' default ' else '' end
       || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
   from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid
     left join pg_collation l on l.oid = a.attcollation
     left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where c.oid in (select c.oid from ${relations} and c.relkind in ('r', 'p')) and a.attnum > 0 and not a.attisdropped`,
  `select 'constraint ' || conname || ' on ' || conrelid::regclass, pg_get_constraintdef(oid)
   from pg_constraint where connamespace = ${ours} and contype in ('c', 'f', 'p', 'u', 'x') and conrelid <> 0`,
  `select 'index ' || c.relname, pg_get_indexdef(c.oid) || case when i.indisvalid then '' else ' (invalid)' end
   from pg_index i join pg_class c on c.oid = i.indexrelid where c.oid in (select c.oid from ${relations})`,
  `select 'trigger ' || tgname || ' on ' || tgrelid::regclass, pg_get_triggerdef(oid) || case tgenabled when 'O' then '' else ' (' || tgenabled::text || ')' end
   from pg_trigger where not tgisinternal and tgrelid in (select c.oid from ${relations})`,
  // A constraint whose trigger is off is none.
  `select 'constraint ' || c.conname || ' on ' || t.tgrelid::regclass || ' enforced', t.tgenabled::text
   from pg_trigger t join pg_constraint c on c.oid = t.tgconstraint
   where t.tgisinternal and t.tgenabled <> 'O' and t.tgrelid in (select c.oid from ${relations})`,
  `select 'schema ' || nspname, '' from pg_namespace n
   where nspname !~ '^pg_' and nspname <> 'information_schema' and ${notOfExtensions('pg_namespace', 'n.oid')}`,
  `select 'publication ' || pubname, '' from pg_publication`,
  `select 'setting ' || split_part(setting, '=', 1) || case when setrole = 0 then ' of the database' else ' of ' || ${roleOf('setrole', roles)} end, setting
   from pg_db_role_setting cross join lateral unnest(setconfig) setting
   where setdatabase = (select oid from pg_database where datname = current_database()) or pg_get_userbyid(setrole) = ${escapeLiteral(roles.app)}`,
  `select 'function ' || p.oid::regprocedure, pg_get_functiondef(p.oid)
   from pg_proc p where p.pronamespace = ${ours} and p.prokind in ('f', 'p') and ${notOfExtensions('pg_proc', 'p.oid')}`,
  `select 'view ' || c.relname, pg_get_viewdef(c.oid) from ${relations} and c.relkind in ('v', 'm')`,
  `select 'rule ' || rulename || ' on ' || tablename, definition from pg_rules where schemaname = 'public'`,
  `select 'policy ' || policyname || ' on ' || tablename, concat_ws(' ', permissive, roles::text, cmd, qual, with_check)
   from pg_policies where schemaname = 'public'`,
  `select 'sequence ' || sequencename, format('%s from %s by %s', data_type, start_value, increment_by)
   from pg_sequences where schemaname = 'public'`,
  `select 'type ' || t.typname, coalesce((select string_agg(enumlabel, ', ' order by enumsortorder) from pg_enum where enumtypid = t.oid), format_type(t.typbasetype, t.typtypmod))
   from pg_type t where t.typnamespace = ${ours} and t.typtype in ('e', 'd') and ${notOfExtensions('pg_type', 't.oid')}`,
  grants(
    roles,
    'table',
    `(select c.relname as name, c.relacl as acl, c.relowner as owner from ${relations} and c.relkind in ('r', 'p', 'v', 'm', 'S')) x`,
  ),
  grants(
    roles,
    'table',
    `(select relname as name, relacl as acl, relowner as owner from pg_class where relnamespace = to_regnamespace('drizzle') and relkind = 'r') x`,
  ),
  grants(
    roles,
    'column',
    `(select c.relname || '.' || a.attname as name, a.attacl as acl, c.relowner as owner from pg_attribute a join pg_class c on c.oid = a.attrelid
      where a.attacl is not null and c.relnamespace = ${ours}) x`,
  ),
  grants(
    roles,
    'schema',
    `(select nspname as name, coalesce(nspacl, acldefault('n', nspowner)) as acl, nspowner as owner from pg_namespace where nspname in ('public', 'drizzle')) x`,
  ),
  grants(
    roles,
    'this',
    `(select 'database' as name, coalesce(datacl, acldefault('d', datdba)) as acl, datdba as owner from pg_database where datname = current_database()) x`,
  ),
  grants(
    roles,
    'coming',
    `(select case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' else defaclobjtype::text end || ' of ' || ${roleOf('defaclrole', roles)} || ' in ' || defaclnamespace::regnamespace as name,
        defaclacl as acl, defaclrole as owner from pg_default_acl where defaclnamespace in (${ours}, to_regnamespace('drizzle'))) x`,
  ),
  // Attributes and memberships that go round every privilege.
  `select 'role the app', concat_ws(', ', case when rolsuper then 'superuser' end, case when rolcreatedb then 'creates databases' end,
     case when rolcreaterole then 'creates roles' end, case when rolreplication then 'replicates' end, case when rolbypassrls then 'bypasses row security' end,
     (select 'member of ' || string_agg(${roleOf('roleid', roles)}, ', ' order by 1) from pg_auth_members where member = r.oid))
   from pg_roles r where rolname = ${escapeLiteral(roles.app)}`,
];

export const readCatalogue = async (client: Client, roles: RoleNames): Promise<Catalogue> =>
  inSnapshot(client, async () => {
    const catalogue = new Map<string, string>();
    // PostgreSQL prints the names of these schemas' objects without the schema.
    await client.query('set local search_path = public, pg_catalog');
    for (const query of queriesFor(roles)) {
      const { rows } = await client.query<[string, string]>({ text: query, rowMode: 'array' });
      for (const [name, definition] of rows) catalogue.set(name, definition);
    }
    return catalogue;
  });
