import { type messages, type PGlite, protocol } from '@electric-sql/pglite';
import {
  BackendUnavailable,
  type Field,
  PostgresError,
  type SqlBackend,
  type Statement,
  type StatementResult,
} from './sql-backend.ts';
import type { Turn } from './turn.ts';

export const embeddedSuperuser = 'postgres';

/** PGlite is one connection: `turn` keeps sessions, also those of other doors to it, apart. */
export const createPgliteBackend = (database: PGlite, turn: Turn): SqlBackend => ({
  loginUser: embeddedSuperuser,
  withSession: async (work) => {
    const endTurn = await turn.take();
    try {
      if (database.closed) throw new BackendUnavailable('the embedded database is closed');
      return await work({ execute: (statement) => execute(database, statement) });
    } finally {
      endTurn();
    }
  },
  close: () => database.close(),
});

const { serialize } = protocol;

// The extended protocol is spoken directly, since PGlite's query() would parse the values.
const execute = async (database: PGlite, { query, params }: Statement): Promise<StatementResult> => {
  const request = Buffer.concat([
    serialize.parse({ text: query }),
    serialize.bind({ values: [...params] }),
    serialize.describe({ type: 'P' }),
    serialize.execute(),
    serialize.sync(),
  ]);
  const answer = await database.execProtocol(request, { throwOnError: false });
  return readAnswer(answer.messages);
};

const readAnswer = (answer: readonly { readonly name: string }[]): StatementResult => {
  let fields: Field[] = [];
  let tag = '';
  const rows: (string | null)[][] = [];
  for (const message of answer) {
    switch (message.name) {
      case 'error':
        throw PostgresError.from(message as messages.DatabaseError);
      case 'rowDescription':
        fields = (message as messages.RowDescriptionMessage).fields.map((field) => ({
          ...field,
          format: 'text',
        }));
        break;
      case 'dataRow':
        rows.push((message as messages.DataRowMessage).fields);
        break;
      case 'commandComplete':
        tag = (message as messages.CommandCompleteMessage).text;
    }
  }
  return { ...readTag(tag), fields, rows };
};

/** "INSERT 0 1", "SELECT 3" or "CREATE TABLE": the verb, and the number at the end if there is one. */
const readTag = (tag: string) => {
  const [, command = null, count] = /^([A-Za-z]+).*?(?: (\d+))?$/.exec(tag) ?? [];
  return { command, rowCount: count === undefined ? null : Number(count) };
};
