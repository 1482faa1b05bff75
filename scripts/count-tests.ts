import { readFileSync } from 'node:fs';

// The sum of vitest's JSON reports as one line. A step that failed outside of the tests counts as a failure.
type Report = { numPassedTests: number; numFailedTests: number; numPendingTests: number; success: boolean };

const [, , failedSteps, ...files] = process.argv;
const reports = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report);
const sum = (key: 'numPassedTests' | 'numFailedTests' | 'numPendingTests') =>
  reports.reduce((total, report) => total + report[key], 0);

const failed =
  sum('numFailedTests') || Number(failedSteps !== '0' || reports.some(({ success }) => !success));
console.log(`\n${sum('numPassedTests')} passed, ${failed} failed, ${sum('numPendingTests')} skipped`);
process.exitCode = failed > 0 || reports.length === 0 ? 1 : 0;
