import * as z from 'zod';

export const AssetParams = z.strictObject({ file: z.string() });
