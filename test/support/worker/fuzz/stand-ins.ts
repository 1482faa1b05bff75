import { password, type Tokens } from '../client.ts';

/** By the name of a member: what an account that exists would send there, known when the request is sent. */
const standIns: Readonly<Record<string, string>> = {
  email: '$email',
  username: '$email',
  identifier: '$email',
  password: '$password',
  refresh_token: '$refresh_token',
  token: '$access_token',
  id: '$session_id',
};

export const standInFor = (name: string): string | undefined =>
  Object.hasOwn(standIns, name) ? standIns[name] : undefined;

/** Puts the facts of an account into a text. Encoded texts keep the `$`, which no encoding of ours touches. */
export const fillIn = (text: string, account: Required<Tokens>, sessionId: string): string =>
  text
    .replaceAll('$email', account.user.email)
    .replaceAll('$password', password)
    .replaceAll('$refresh_token', account.refresh_token)
    .replaceAll('$access_token', account.access_token)
    .replaceAll('$session_id', sessionId);
