/** The part of Node's module that the Worker uses; the compatibility date brings it. */
declare module 'node:crypto' {
  type PrivateKey = {
    readonly asymmetricKeyType?: string;
    readonly asymmetricKeyDetails?: { readonly namedCurve?: string; readonly modulusLength?: number };
    export(options: { type: 'pkcs8'; format: 'pem' }): string;
  };
  export function createPrivateKey(input: {
    key: string;
    encoding: 'base64';
    format: 'der';
    type: 'pkcs8';
  }): PrivateKey;
}
