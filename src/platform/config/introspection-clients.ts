import { list } from './values.ts';

/** A service that may ask about tokens. Its secret is 256 random bits that a program of ours has made. */
export type IntrospectionClient = {
  readonly id: string;
  /** Whom the tokens that it may ask about are meant for. */
  readonly audience: string;
  /** SHA-256 of the secret, in base64url: a secret of 256 random bits cannot be guessed, so a slow hash adds nothing. */
  readonly secretHash: string;
};

/** Names, or URIs without a fragment (RFC 8707 section 2). */
export const audiences = list((entry, fail) =>
  /^[^\s,#]{1,256}$/.test(entry)
    ? entry
    : fail('must be a name or a URI of 1 to 256 characters, without blanks and without #'),
);

/** The hash has a fixed length, so an audience may itself contain `@`. The last character has two bits that are no part. */
const clientShape =
  /^(?<id>[A-Za-z0-9._-]{1,64})=sha256:(?<secretHash>[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])@(?<audience>[^\s,#]{1,256})$/;

/** Separated by commas, blanks or line breaks: no entry contains one of them. */
export const introspectionClients = list((entry, fail): IntrospectionClient | undefined => {
  const { id, secretHash, audience } = clientShape.exec(entry)?.groups ?? {};
  return id && secretHash && audience
    ? { id, secretHash, audience }
    : fail('must be <id>=sha256:<hash>@<audience>; npm run introspection:client makes one');
}, /\s*,\s*|\s+/);
