import type { UploadQueue } from './rules/upload-schedule.ts';

/** Cloudflare Queues; a message is the id of an upload and nothing else. */
export const createUploadQueue = (queue: Queue<string>): UploadQueue => ({
  enqueue: async (uploadIds) => {
    if (uploadIds.length === 0) return;
    await queue.sendBatch(uploadIds.map((body) => ({ body, contentType: 'json' })));
  },
});
