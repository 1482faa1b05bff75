import type * as z from 'zod';
import type { ErrorCode } from '../../platform/errors.ts';
import type { Permission } from '../../platform/rules/permissions.ts';

/** One route as its callers see it. The schemas are those that validate. */
export type Operation = {
  readonly summary: string;
  readonly tag: 'accounts' | 'sessions' | 'administration' | 'uploads' | 'service';
  /** Served in local work only, and left out of the document. */
  readonly isLocal?: true;
  /** `required`: an access token; `optional`: whatever the request carries; `callback_secret`: that of a scanner. */
  readonly auth: 'none' | 'optional' | 'required' | 'callback_secret';
  /** What the caller's roles must allow. */
  readonly permission?: Permission;
  readonly json?: z.ZodType;
  readonly form?: z.ZodType;
  /** The body is a file. */
  readonly bytes?: true;
  readonly query?: z.ZodObject;
  readonly params?: z.ZodObject;
  readonly response: {
    readonly status: number;
    /** Another status of success, with the same body. */
    readonly orStatus?: number;
    readonly description: string;
    readonly schema?: z.ZodType;
    readonly mediaType?: string;
  };
  /** Another answer of success, with a body of its own or none. */
  readonly otherwise?: { readonly status: number; readonly description: string; readonly schema?: z.ZodType };
  /** The preconditions that it takes (RFC 9110 section 13.1). */
  readonly conditional?: readonly ('If-Match' | 'If-None-Match')[];
  /** It hands out ranges of bytes (RFC 9110 section 14). */
  readonly ranged?: true;
  /** Its ETag serves in the preconditions of this or another route. */
  readonly tagged?: true;
  /** Beside those that any route can answer with. */
  readonly errors: readonly ErrorCode[];
};
