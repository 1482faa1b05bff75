import type { ObjectListing } from '../rules/storage.ts';

/** The keys that we make have no character that XML would escape; a key of somebody else's is left as it stands. */
const textOf = (xml: string, element: string): string | null =>
  new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1] ?? null;

/** The ETag in a CopyObjectResult; null for any other document, such as an Error. */
export const readCopyResult = (xml: string): string | null =>
  xml.includes('<CopyObjectResult') ? (textOf(xml, 'ETag')?.replaceAll(/&quot;|&#34;|"/g, '') ?? null) : null;

/** A page of ListObjectsV2. */
export const readListing = (xml: string): ObjectListing => {
  const objects = [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, contents = '']) => {
    const [key, modified] = [textOf(contents, 'Key'), textOf(contents, 'LastModified')];
    return key && modified ? [{ key, storedAt: new Date(modified) }] : [];
  });
  return { objects, cursor: textOf(xml, 'NextContinuationToken') };
};
