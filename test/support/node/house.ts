import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** What a file of `src` is: `src/<room>/<layer>.ts` or `src/<room>/<layer>/….ts`; any other file of a room is an adapter. */
export type Place = { readonly room: string; readonly layer: string };

const layers = new Set(['rules', 'sql', 'service', 'schema', 'routes', 'pages', 'http']);
const platformAreas = new Set(['http', 'middleware', 'pages', 'rules', 'schema']);
/** What everything may know: the context of a request, errors, and the configuration as it was read. */
const common = /^src\/platform\/(?:context|errors|refusals)\.ts$|^src\/platform\/config\//;

export const placeOf = (path: string): Place => {
  // A fork has rooms of its own, and `src/fork/fork.ts` puts them together as the entry files do ours.
  const [, room = '', second = ''] = path.replace(/^src\/fork\//, 'src/').split('/');
  const part = second.replace(/\.tsx?$/, '');
  if (second === '') return { room: 'entry', layer: 'entry' };
  if (room === 'platform') {
    return { room, layer: common.test(path) ? 'common' : platformAreas.has(part) ? part : 'adapter' };
  }
  return { room, layer: layers.has(part) ? part : 'adapter' };
};

/** Which layers a layer may import, of any room; what is missing is forbidden. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  rules: ['rules'],
  common: ['common', 'rules'],
  schema: ['schema', 'rules', 'common'],
  sql: ['sql', 'rules', 'common', 'adapter'],
  service: ['service', 'rules', 'common', 'sql'],
  adapter: ['adapter', 'rules', 'common', 'schema'],
  http: ['http', 'pages', 'rules', 'common', 'schema', 'service'],
  middleware: ['middleware', 'http', 'pages', 'rules', 'common'],
  pages: ['pages', 'http', 'service', 'rules', 'schema', 'common'],
  routes: ['routes', 'pages', 'http', 'service', 'rules', 'schema', 'common', 'middleware'],
};

/** Packages that a layer must not know. */
const foreign: Readonly<Record<string, RegExp>> = {
  rules: /^(?:hono|drizzle-orm|@hono\/|@neondatabase\/|cloudflare:)/,
  service: /^(?:hono|drizzle-orm|@hono\/|@neondatabase\/|cloudflare:)/,
  sql: /^(?:hono|@hono\/)/,
  adapter: /^(?:hono|@hono\/)/,
  common: /^(?:hono|@hono\/|drizzle-orm)/,
  schema: /^(?:hono|@hono\/|drizzle-orm|@neondatabase\/)/,
  routes: /^(?:drizzle-orm|@neondatabase\/)/,
  pages: /^(?:drizzle-orm|@neondatabase\/)/,
  http: /^(?:drizzle-orm|@neondatabase\/)/,
};

/** Why a file may not import that; null where it may. Paths of ours begin with `src/`. */
export const objection = (from: string, to: string): string | null => {
  const { room, layer } = placeOf(from);
  if (!to.startsWith('src/')) {
    return foreign[layer]?.test(to) ? `${layer} does not know ${to}` : null;
  }
  const target = placeOf(to);
  // The entry files know everything, and every feature knows the container.
  if (room === 'entry' || to === 'src/container.ts') return null;
  if (room === 'platform' && target.room !== 'platform') return 'the platform knows no feature';
  if (layer === 'service') {
    // The factory of a feature makes the adapters of its room; its SQL is its own.
    const isFactory = from === `src/${room}/service.ts`;
    if (isFactory && target.layer === 'adapter' && [room, 'platform'].includes(target.room)) return null;
    if (target.layer === 'sql' && target.room !== room) return "a service does not import another room's SQL";
  }
  const allowed = mayImport[layer] ?? [];
  return allowed.includes(target.layer) ? null : `${layer} does not import ${target.layer}`;
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });

/** Every import of `src` that breaks a rule of the house. */
export const brokenRules = (root: string): string[] =>
  filesIn(join(root, 'src'))
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) => {
      const path = file.slice(root.length + 1);
      const specifiers = readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
      return [...specifiers].flatMap(([, specifier = '']) => {
        const target = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier;
        const reason = objection(path, target);
        return reason === null ? [] : [`${path} → ${target}: ${reason}`];
      });
    });
