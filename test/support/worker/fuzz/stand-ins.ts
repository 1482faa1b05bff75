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
  user_id: '$user_id',
  name: '$role',
  q: '$email',
};

/** `path` tells whose id is meant. */
export const standInFor = (name: string, path = ''): string | undefined => {
  const known = name === 'id' && path.startsWith('/users/') ? 'user_id' : name;
  return Object.hasOwn(standIns, known) ? standIns[known] : undefined;
};

/** Puts the facts of an account into a text. Encoded texts keep the `$`, which no encoding of ours touches. */
export const fillIn = (text: string, account: Required<Tokens>, sessionId: string): string =>
  text
    .replaceAll('$email', account.user.email)
    .replaceAll('$password', password)
    .replaceAll('$refresh_token', account.refresh_token)
    .replaceAll('$access_token', account.access_token)
    .replaceAll('$session_id', sessionId)
    .replaceAll('$user_id', account.user.id)
    // One of its own: to change those of others would be to change the other tests.
    .replaceAll('$role', `fuzz-${account.user.id}`);
