/** Parameters are untyped text, as the driver sends them; Postgres infers their types. */
export type Statement = { readonly query: string; readonly params: readonly (string | null)[] };

/** A column of a RowDescription message (PostgreSQL protocol, 54.7). */
export type Field = {
  readonly name: string;
  readonly tableID: number;
  readonly columnID: number;
  readonly dataTypeID: number;
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
  readonly format: 'text';
};

/** Values stay what Postgres printed: the driver parses them by `dataTypeID`. */
export type StatementResult = {
  readonly command: string | null;
  readonly rowCount: number | null;
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly (string | null)[])[];
};

/** One connection that nobody else uses until the work is done. */
export type SqlSession = {
  /** @throws PostgresError */
  readonly execute: (statement: Statement) => Promise<StatementResult>;
};

export interface SqlBackend {
  /** The role that sessions start as; statements of that role need no SET ROLE. */
  readonly loginUser: string;
  /** @throws BackendUnavailable when no session can be had, or it breaks on the way */
  withSession<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export class BackendUnavailable extends Error {
  override readonly name = 'BackendUnavailable';
}

/** The fields of an ErrorResponse message (PostgreSQL protocol, 54.8) under the names of the drivers. */
const errorFields = [
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'internalPosition',
  'internalQuery',
  'where',
  'schema',
  'table',
  'column',
  'dataType',
  'constraint',
  'file',
  'line',
  'routine',
] as const;

export type PostgresErrorFields = Partial<Record<(typeof errorFields)[number], string>>;

/** What Postgres answers to a statement that it refuses. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  readonly fields: PostgresErrorFields;

  constructor(message: string, fields: PostgresErrorFields) {
    super(message);
    this.fields = fields;
  }

  /** Reads the fields off another library's error or message object. */
  static from(source: object & { readonly message?: string | undefined }): PostgresError {
    const fields: PostgresErrorFields = {};
    for (const name of errorFields) {
      const value = (source as Record<string, unknown>)[name];
      if (typeof value === 'string') fields[name] = value;
    }
    return new PostgresError(source.message ?? 'unknown error', fields);
  }
}
