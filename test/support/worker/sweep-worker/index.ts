import { Secret } from '../../../../src/platform/config/secret.ts';
import type { Logger } from '../../../../src/platform/context.ts';
import { createS3Store } from '../../../../src/platform/storage/s3.ts';
import { createRemoveOrphans } from '../../../../src/uploads/service/orphans.ts';

type Ask = {
  readonly endpoint: string;
  readonly bucket: string;
  readonly account: {
    readonly region: string;
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
  };
  /** The time of the round. */
  readonly now: string;
  /** The uploads whose objects are wanted. */
  readonly wanted: readonly string[];
};

const ignore = () => {};
const log: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** The orphans of an S3 bucket are removed, with a database that knows only the wanted uploads. */
export default {
  fetch: async (request: Request): Promise<Response> => {
    const { endpoint, bucket, account, now, wanted } = await request.json<Ask>();
    const { region, accessKeyId, secretAccessKey } = account;
    const aws = {
      region,
      accessKeyId: new Secret(accessKeyId),
      secretAccessKey: new Secret(secretAccessKey),
    };
    const removeOrphans = createRemoveOrphans({
      jobs: {
        wantedInQuarantine: async (_, ids) => new Set(ids.filter((id) => wanted.includes(id))),
      },
      store: createS3Store({ kind: 's3', bucket, endpoint, aws }, () => new Date()).store,
      newScope: () => ({
        now: new Date(now),
        signal: request.signal,
        ip: null,
        userAgent: null,
        requestId: 'sweep',
      }),
      log,
    });
    await removeOrphans();
    return new Response();
  },
};
