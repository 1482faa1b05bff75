import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { readArguments } from './program/options.ts';

// The sum of vitest's JSON reports as one line, after the names of what failed: CI may show only the end of a log.
// A step or a file that failed outside of its tests counts as a failure.
type Test = { fullName: string; status: string; failureMessages: string[] };
type File = { name: string; status: string; message: string; assertionResults: Test[] };
type Report = {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  success: boolean;
  testResults: File[];
};

const usage = `node scripts/count-tests.ts STEPS REPORT…
  Adds up JSON reports of vitest, and names what failed. STEPS is the number of failed steps before.`;

const [failedSteps, ...paths] = readArguments({}, usage).positionals;
const reports = paths.map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report);
const sum = (key: 'numPassedTests' | 'numFailedTests' | 'numPendingTests') =>
  reports.reduce((total, report) => total + report[key], 0);

const firstLine = (text: string | undefined) => text?.split('\n', 1)[0] ?? '';
for (const file of reports.flatMap(({ testResults }) => testResults)) {
  const name = relative(process.cwd(), file.name);
  const failedTests = file.assertionResults.filter(({ status }) => status === 'failed');
  for (const test of failedTests)
    console.log(`FAILED ${name} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`);
  if (file.status === 'failed' && failedTests.length === 0)
    console.log(`FAILED ${name}: ${firstLine(file.message) || 'outside of its tests'}`);
}

const failed =
  sum('numFailedTests') || Number(failedSteps !== '0' || reports.some(({ success }) => !success));
console.log(`\n${sum('numPassedTests')} passed, ${failed} failed, ${sum('numPendingTests')} skipped`);
process.exitCode = failed > 0 || reports.length === 0 ? 1 : 0;
