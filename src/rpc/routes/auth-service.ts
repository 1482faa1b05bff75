import { WorkerEntrypoint } from 'cloudflare:workers';
import type { VerifyOptions } from '../../introspection/service.ts';
import type { LogoutScope } from '../../sessions/rules/session.ts';
import type { Client, Login, Refused, SignUp } from '../schema.ts';
import type { Rpc } from './calls.ts';

const misconfigured: Refused = {
  ok: false,
  status: 503,
  code: 'misconfigured',
  detail: 'The account service is not configured; its log says why.',
  retryAfterSeconds: 60,
};

/**
 * The entrypoint that other Workers of the same Cloudflare account bind to (`entrypoint = "AuthService"`). A call is
 * answered, never thrown: `ok` tells a result from a refusal. Only the methods of the prototype can be called.
 */
export abstract class AuthServiceEntrypoint<Bindings> extends WorkerEntrypoint<Bindings> {
  protected abstract rpc(): Rpc | null;

  async verify(token: string, options?: VerifyOptions) {
    return this.rpc()?.verify(this.ctx, token, options) ?? misconfigured;
  }

  async login(login: Login, client: Client) {
    return this.rpc()?.login(this.ctx, login, client) ?? misconfigured;
  }

  async signup(signUp: SignUp, client: Client) {
    return this.rpc()?.signup(this.ctx, signUp, client) ?? misconfigured;
  }

  async refresh(refreshToken: string, client: Client) {
    return this.rpc()?.refresh(this.ctx, refreshToken, client) ?? misconfigured;
  }

  async logout(accessToken: string, client: Client, scope?: LogoutScope) {
    return this.rpc()?.logout(this.ctx, accessToken, client, scope) ?? misconfigured;
  }
}
