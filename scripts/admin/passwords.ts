import { randomBytes } from 'node:crypto';
import { argon2id } from 'hash-wasm';
import { createDictionaryReader } from '../../src/passwords/dictionary.ts';
import { hashCaller } from '../../src/passwords/rules/hash-lane.ts';
import { canonicalPassword } from '../../src/passwords/rules/password-policy.ts';
import { formatPhc, saltBytes, tagBytes } from '../../src/passwords/rules/phc.ts';
import {
  createCheckPassword,
  createLoadEstimate,
  createPwnedPasswords,
} from '../../src/passwords/service/check.ts';
import type { PasswordConfig } from '../../src/platform/config/schema.ts';
import type { RequestContext } from '../../src/platform/context.ts';
import { AppError } from '../../src/platform/errors.ts';
import { buildDictionary } from '../build-assets.ts';
import { CliError } from '../program/cli.ts';

/** As the Worker reads it, and without a build. */
const dictionary = createDictionaryReader({ fetch: async () => new Response(buildDictionary()) });

type Choice = { readonly password: string; readonly email: string; readonly username: string | null };

/** The policy of a sign-up. @throws CliError with every reason why the password is not taken */
export const requireGoodPassword = async (ctx: RequestContext, choice: Choice, config: PasswordConfig) => {
  const check = createCheckPassword({
    policy: config,
    // One password at a time: no other hash waits.
    inTurn: async (work) => work(),
    loadEstimate: createLoadEstimate(dictionary.read),
    isLeaked: config.pwnedPasswords ? createPwnedPasswords({ fetch }) : null,
  });
  try {
    await check(ctx, { ...choice, caller: hashCaller(ctx, 'administration', choice.email) });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'weak_password') throw error;
    throw new CliError(`The password is not taken: ${error.errors.map(({ detail }) => detail).join('; ')}.`);
  }
};

/**
 * The PHC string that the Worker's hasher would make. Its modules are compiled for workerd, so that Node takes the
 * ones that hash-wasm brings along; both are the same bytes.
 */
export const hashPassword = async (password: string, { argon2 }: PasswordConfig): Promise<string> => {
  const salt = randomBytes(saltBytes);
  const tag = await argon2id({
    password: canonicalPassword(password),
    salt,
    memorySize: argon2.memoryKib,
    iterations: argon2.iterations,
    parallelism: argon2.parallelism,
    hashLength: tagBytes,
    outputType: 'binary',
  });
  return formatPhc({ parameters: argon2, salt, tag });
};
