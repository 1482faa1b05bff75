import type { Reporter, TestModule } from 'vitest/node';

/** Says in a sentence why a drill fails, after the steps that the drill has printed itself. */
export default class DrillReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    const errors = modules.flatMap((module) => [
      ...module.errors(),
      ...[...module.children.allTests()].flatMap((test) => test.result().errors ?? []),
    ]);
    for (const { message } of [...unhandled, ...errors]) console.error(message);
  }
}
