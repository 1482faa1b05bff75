import { readdirSync, readFileSync } from 'node:fs';

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It has ended since it was listed.
    return '';
  }
};

const field = (status: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);

/** Whether this system tells the memory of its processes. */
export const tellsMemory: boolean = read('/proc/self/status') !== '';

/** How many MiB the workerd processes below a process hold at this moment. */
export const workerdMiB = (ancestor: number): number => {
  const statuses = new Map(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => [Number(name), read(`/proc/${name}/status`)] as const),
  );
  const isBelow = (id: number): boolean => {
    const parent = field(statuses.get(id) ?? '', 'PPid');
    return parent === ancestor || (parent > 1 && isBelow(parent));
  };
  return [...statuses]
    .filter(([id, status]) => /^Name:\s+workerd$/m.test(status) && isBelow(id))
    .reduce((sum, [, status]) => sum + field(status, 'VmRSS') / 1024, 0);
};
