import { fileTypeFromBuffer, supportedMimeTypes } from 'file-type';
import { latin1 } from './bytes.ts';
import { canonicalType } from './media-types.ts';

/** The old formats of Office are one container, and only their endings tell them apart. */
const containers: Readonly<Record<string, string>> = {
  'application/msword': 'application/x-cfb',
  'application/vnd.ms-excel': 'application/x-cfb',
  'application/vnd.ms-powerpoint': 'application/x-cfb',
};

const isDetectedAs = (type: string, detected: string): boolean =>
  canonicalType(detected) === (containers[type] ?? type);

/** TIFF and BigTIFF in both byte orders. Their directory may be anywhere, so the detector finds only small ones. */
const tiff = /^(?:II[*+]\0|MM\0[*+])/;

/** Whether content begins as files of the type do. */
export const beginsAsType = async (type: string, head: Uint8Array): Promise<boolean> => {
  if (type === 'image/tiff') return tiff.test(latin1.decode(head.subarray(0, 4)));
  const detected = await fileTypeFromBuffer(head).catch(() => undefined);
  return detected !== undefined && isDetectedAs(type, detected.mime);
};

/** Whether files of a type can be told from others at all. */
export const isRecognisable = (type: string): boolean =>
  type.startsWith('text/') || [...supportedMimeTypes].some((detected) => isDetectedAs(type, detected));
