import type { Bindings } from '../../../src/container.ts';

declare global {
  namespace Cloudflare {
    interface Env extends Bindings {}
  }
}
