import type { Container } from '../container.ts';
import { createAuditSql } from './sql/audit.ts';

export type Audit = ReturnType<typeof createAudit>;

export const createAudit = (container: Pick<Container, 'db' | 'gate' | 'newId'>) => createAuditSql(container);
