import type { Description } from '../../platform/http/route.ts';

type Json = Record<string, unknown>;

/** A field of a request or a response, as OpenAPI has it. */
export const header = (description: string): Json => ({ description, schema: { type: 'string' } });

const descriptions = {
  'If-Match': 'the ETag that was read, or *',
  'If-None-Match': 'the ETag of the copy that the client has',
  'If-None-Match: *': '*: only if there is none yet',
  Range: 'one range of bytes; a list of several is answered with the whole',
  'If-Range': 'the ETag of the part that the client has; the answer is the whole where it differs',
};

const rangeHeaders = ['Range', 'If-Range'] as const;

/** The header fields that an operation reads beside those of its login. */
export const headerParameters = ({ method, conditional = [], ranged }: Description): Json[] =>
  [...conditional, ...(ranged ? rangeHeaders : [])].map((name) => ({
    name,
    in: 'header',
    required: false,
    ...header(descriptions[name === 'If-None-Match' && method !== 'GET' ? 'If-None-Match: *' : name]),
  }));
