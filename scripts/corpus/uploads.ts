import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasClamd, startClamd } from '../../test/support/node/clamd.ts';
import { startStack } from '../../test/support/node/stack.ts';
import { CliError, interruption, runProgram } from '../program/cli.ts';
import { readOptions } from '../program/options.ts';
import { createUploader, type Uploader } from './client.ts';
import { archiveProducers } from './honest/archives.ts';
import { imageProducers } from './honest/images.ts';
import { officeProducers } from './honest/office.ts';
import { packageProducers } from './honest/packages.ts';
import { pdfProducers } from './honest/pdf.ts';
import { textProducers } from './honest/texts.ts';
import { bomb, bombProducers } from './hostile/bombs.ts';
import { disguiseProducers } from './hostile/disguises.ts';
import { eicarProducers } from './hostile/eicar.ts';
import { macroProducers } from './hostile/macros.ts';
import { nameProducers } from './hostile/names.ts';
import { measureNeighbour, type Waits } from './neighbour.ts';
import { printTable, type Row } from './report.ts';
import { allowedTypes, type Made, Missing, type Producer, type Sample } from './sample.ts';

const usage = `npm run drill:uploads [-- --only text] [-- --no-load]
  Makes files with the programs that people use, and files of attackers, and uploads each to a service of its own with a
  real clamd. The honest ones have to come back byte for byte, and no hostile one may become clean. Then it confirms 20
  bombs at once and shows how long another account waits. A producer that is not installed is listed as skipped; the
  writers from npm are installed into a temporary directory. With --only, also several times, only
  producers whose name contains one of the texts.`;

const bombsAtOnce = 20;
/** More than a service gets from one browser, and few enough that the machine still makes files. */
const uploadsAtOnce = 4;

const producersOf = (packages: string): readonly Producer[] => [
  ...officeProducers,
  ...pdfProducers,
  ...packageProducers(packages),
  ...imageProducers,
  ...archiveProducers,
  ...textProducers,
  ...macroProducers,
  ...bombProducers,
  ...nameProducers,
  ...disguiseProducers,
  ...eicarProducers,
];

/** @returns the samples, or the row that says why there are none */
const make = async ({ name, wanted, make }: Producer, folder: string): Promise<Sample[] | Row> => {
  await mkdir(folder);
  try {
    return (await make(folder)).map((made) => ({ ...made, producer: name, wanted }));
  } catch (error) {
    const about = { producer: name, title: '(all)', filename: '', bytes: 0, outcome: '' };
    const reason = (error as Error).message;
    return { ...about, wanted, reason, result: error instanceof Missing ? 'skipped' : 'failed' };
  }
};

const judge = async (uploader: Uploader, sample: Sample): Promise<Row> => {
  const { producer, title, filename, content, wanted } = sample;
  const about = { producer, title, filename, wanted, bytes: content.byteLength };
  const { id, outcome, reason } = await uploader.upload(sample);
  if (wanted === 'refused') {
    // Without a verdict the file cannot be downloaded, and its owner waits for nothing: that is no refusal.
    const isRefused = ['refused', 'failed', 'infected'].includes(outcome);
    return { ...about, outcome, reason, result: isRefused ? 'passed' : 'failed' };
  }
  if (outcome !== 'clean' || id === null) return { ...about, outcome, reason, result: 'failed' };
  const isSame = (await uploader.download(id)).equals(content);
  return {
    ...about,
    outcome,
    reason: isSame ? '' : 'other bytes came back',
    result: isSame ? 'passed' : 'failed',
  };
};

/** Calls for each, so many at a time, and keeps the order. */
const forEach = async <From, To>(list: readonly From[], call: (from: From) => Promise<To>): Promise<To[]> => {
  const results: To[] = [];
  let next = 0;
  const work = async () => {
    for (let at = next++; at < list.length; at = next++) results[at] = await call(list[at] as From);
  };
  await Promise.all(Array.from({ length: uploadsAtOnce }, work));
  return results;
};

const waitsText = (name: string, { count, p50, max }: Waits): string =>
  `GET /auth/me of another account, ${name}: p50 ${p50.toFixed(1)} ms, max ${max.toFixed(1)} ms (${count} requests)`;

const load = async (url: string, made: Made): Promise<void> => {
  const [attacker, neighbour] = [await createUploader(url), await createUploader(url)];
  const { idle, loaded, outcomes } = await measureNeighbour(attacker, neighbour, made, bombsAtOnce);
  const counts = Object.entries(Object.groupBy(outcomes, (outcome) => outcome));
  console.log(waitsText('idle', idle));
  console.log(waitsText(`during ${bombsAtOnce} bombs`, loaded));
  console.log(`The bombs: ${counts.map(([outcome, all]) => `${all?.length} ${outcome}`).join(', ')}`);
};

const limits = {
  LOG_LEVEL: 'error',
  RATE_LIMIT_MAX: '1000000',
  UPLOAD_ALLOWED_TYPES: allowedTypes,
  UPLOAD_MAX_BYTES: '20971520',
  UPLOAD_MAX_FILES_PER_USER: '100000',
  UPLOAD_MAX_TOTAL_BYTES_PER_USER: '10000000000',
};

type Services = { readonly url: string; readonly stop: () => Promise<void> };

const startServices = async (): Promise<Services> => {
  const clamd = hasClamd ? await startClamd() : null;
  const scanner: Record<string, string> = clamd
    ? { UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: `127.0.0.1:${clamd.port}` }
    : {};
  try {
    const stack = await startStack({ env: { ...limits, ...scanner } });
    return { url: stack.url, stop: () => Promise.all([stack.stop(), clamd?.stop()]).then(() => {}) };
  } catch (error) {
    await clamd?.stop();
    throw error;
  }
};

runProgram(async () => {
  const { only, 'no-load': isUnloaded } = readOptions(
    { only: { type: 'string', multiple: true, default: [] }, 'no-load': { type: 'boolean' } },
    usage,
  );
  const folder = await mkdtemp(join(tmpdir(), 'itsor-uploads-'));
  const asked = interruption(() => folder);
  let services: Services | null = null;
  try {
    const rows: Row[] = [];
    const samples: Sample[] = [];
    const chosen = producersOf(join(folder, 'npm')).filter(
      ({ name }) => only.length === 0 || only.some((text) => name.includes(text)),
    );
    for (const [index, producer] of chosen.entries()) {
      if (asked.aborted) throw new CliError('✗ The drill was stopped before its end.');
      const made = await make(producer, join(folder, String(index)));
      if (Array.isArray(made)) samples.push(...made);
      else rows.push(made);
    }
    // Before any connection, because it stops this process for seconds, in which kept connections end.
    const loaded = isUnloaded ? null : bomb();
    services = await startServices();
    const uploader = await createUploader(services.url);
    rows.push(...(await forEach(samples, (sample) => judge(uploader, sample))));
    if (!hasClamd) console.log('No clamd here: only the built-in scanner judged.');
    if (loaded) await load(services.url, loaded);
    const isGood = printTable(rows);
    process.exitCode = isGood && !asked.aborted ? 0 : 1;
  } finally {
    await services?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
});
