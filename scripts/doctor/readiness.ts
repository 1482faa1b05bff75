import { type Finding, failure, ok, warning } from './finding.ts';

/** What every Itsor looks at; some look at more. */
const ownChecks = ['config', 'database', 'migrations', 'durable_objects', 'hasher'] as const;

const maxBytes = 65_536;

/** No answer of this service is longer; of another it may never end. */
const readStart = async ({ body }: Response): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
};

const parseObject = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

/** What an answer of /readyz says. @throws Error where it does not end in time */
export const judgeReadiness = async (response: Response): Promise<Finding> => {
  const { code, detail, version, ...body } = parseObject(await readStart(response));
  if (!response.ok && typeof code === 'string' && typeof detail === 'string')
    return failure('/readyz', `${code}: ${detail}`);
  const checks = Object(body.checks) as Readonly<Record<string, unknown>>;
  const isItsor = typeof version === 'string' && ownChecks.every((name) => typeof checks[name] === 'string');
  if (!isItsor) return failure('/readyz', `${response.status}, and does not answer as Itsor does`);
  const names = Object.keys(checks);
  const failing = names.filter((name) => checks[name] !== 'ok');
  if (!response.ok) return failure('/readyz', `${response.status}: ${failing.join(', ')}`);
  if (failing.some((name) => (ownChecks as readonly string[]).includes(name)))
    return failure('/readyz', `ready without: ${failing.join(', ')}`);
  return failing.length === 0
    ? ok('/readyz', `${names.join(', ')}; version ${version}`)
    : warning('/readyz', `without: ${failing.join(', ')}`);
};
