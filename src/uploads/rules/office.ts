import { asciiLowerCase } from '../../platform/rules/typed-text.ts';
import { resolveReferences, type XmlElement } from './office-xml.ts';
import type { ContentFlaw } from './reasons.ts';
import { deflated, stored, type ZipEntry } from './zip-archive.ts';

/** The types of office documents (ECMA-376 part 2), and the type of the main part of each. */
const mainTypes: Readonly<Record<string, string>> = Object.fromEntries(
  ['wordprocessingml.document', 'spreadsheetml.sheet', 'presentationml.presentation'].map((kind) => {
    const type = `application/vnd.openxmlformats-officedocument.${kind}`;
    return [type, `${type}.main+xml`];
  }),
);

export const isOfficeType = (contentType: string): boolean => contentType in mainTypes;

const unescaped = (text: string): string =>
  text.replaceAll(/%([2-7][\da-f])/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));

/** The one spelling of a part's name: without case and needless percent-encoding (section 6.2.2). */
const canonicalPart = (name: string): string => asciiLowerCase(unescaped(name));

const typesPart = '[content_types].xml';
const rootRelationships = '_rels/.rels';

/** The parts that tell what a document is, and what belongs to it. */
export const isDescribingPart = (name: string): boolean => {
  const part = canonicalPart(name);
  return part === typesPart || part.endsWith('.rels');
};

/** Apps for Windows and Silverlight, and extensions of Visual Studio, are packages too. */
const appManifest = /^(?:appx?manifest\.(?:xml|xaml)|appxbundlemanifest\.xml|extension\.vsixmanifest)$/;
/** A part in pieces (section 7.3.4), which no office program writes. */
const piece = /\/\[\d+\](?:\.last)?\.piece$/;

const inspectEntry = ({ name, otherName, method }: ZipEntry, part: string): ContentFlaw | null => {
  const isPlain = !name.includes('\\') && otherName === null && (method === deflated || method === stored);
  if (!isPlain || piece.test(part)) return 'archive_unsafe';
  if (appManifest.test(part)) return 'wrong_type';
  return /(?:^|\/)vbaproject\.bin$/.test(part) ? 'macros' : null;
};

const officeDocument = [
  'http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument',
  'http://purl.oclc.org/ooxml/officeDocument/relationships/officeDocument',
];
const macroRelationship = /\/(?:vbaProject|wordVbaData|xlMacrosheet|xlIntlMacrosheet)$/i;
/** What Word and its neighbours fetch when a document is opened. Pictures and links are fetched too, and run nothing. */
const fetchedRelationship = /\/(?:attachedTemplate|oleObject|frame|subDocument|aFChunk)$/i;

/** On the reader's own disk, where Word keeps the templates of honest documents. */
const localPath = /^(?:file:[\\/]{0,3})?[a-z]:[\\/]/i;

/** A URL of any scheme, or a network path. Word drops tabs and line breaks from them. */
const isRemote = (target: string): boolean => {
  const address = unescaped(target).replaceAll(/\s+/g, '');
  return /^(?:[a-z][a-z\d+.-]*:|\\|\/[\\/])/i.test(address) && !localPath.test(address);
};

/** Documents have one main part; each of them costs time. */
const maxMains = 16;
/** More than the links of the largest tables (65,530 in a sheet). */
const maxElements = 250_000;

/** Longer values are no types, names or addresses; references could make them long. */
const maxValueLength = 16_384;

const readAttributes = ['Type', 'Target', 'PartName', 'Extension', 'ContentType'] as const;

/** @param resolved the value of an attribute, empty where there is none */
type TakeElement = (
  element: XmlElement,
  resolved: (attribute: (typeof readAttributes)[number]) => string,
) => ContentFlaw | null;

/** Whether an element is in the namespace of its root: readers pass over the elements of another one. */
const isInNamespace = ({ prefix, attributes }: XmlElement, rootPrefix: string): boolean =>
  prefix === rootPrefix && ![...attributes.keys()].some((name) => /^xmlns(?::|$)/.test(name));

/**
 * Checks that an archive is a document of its type, has no macros, and fetches nothing harmful when it is opened. Each
 * entry goes to `takeEntry`, then each element of each describing part to what `openPart` returns, and then comes `end`.
 */
export const createDocumentCheck = (contentType: string) => {
  const parts = new Set<string>();
  const types = { override: new Map<string, string>(), default: new Map<string, string>() };
  const mains: string[] = [];
  let elements = 0;

  const takeType = (kind: keyof typeof types, of: string, type: string): ContentFlaw | null => {
    if (types[kind].has(of)) return 'archive_unsafe';
    types[kind].set(of, type.toLowerCase());
    return null;
  };

  const takeEntry = (entry: ZipEntry): ContentFlaw | null => {
    const part = canonicalPart(entry.name);
    if (parts.has(part)) return 'archive_unsafe';
    parts.add(part);
    return inspectEntry(entry, part);
  };

  const readTypes = (): TakeElement => {
    let rootPrefix: string | null = null;
    return (element, resolved) => {
      if (element.name === '') return null;
      if (rootPrefix === null) rootPrefix = element.prefix;
      else if (!isInNamespace(element, rootPrefix)) return 'archive_unsafe';
      switch (element.name) {
        case 'Override':
          return takeType('override', canonicalPart(resolved('PartName')), resolved('ContentType'));
        case 'Default':
          return takeType('default', asciiLowerCase(resolved('Extension')), resolved('ContentType'));
        default:
          return null;
      }
    };
  };

  const readRelationships = (part: string): TakeElement => {
    const isRoot = part === rootRelationships;
    return (_, resolved) => {
      const type = resolved('Type');
      if (macroRelationship.test(type)) return 'macros';
      if (fetchedRelationship.test(type) && isRemote(resolved('Target'))) return 'remote_content';
      if (isRoot && officeDocument.includes(type)) mains.push(resolved('Target'));
      return mains.length > maxMains ? 'archive_unsafe' : null;
    };
  };

  const openPart = (name: string) => {
    const part = canonicalPart(name);
    const take = part === typesPart ? readTypes() : readRelationships(part);
    return (element: XmlElement): ContentFlaw | null => {
      const written = (attribute: string): string => element.attributes.get(attribute) ?? '';
      elements += 1;
      const isTooMuch =
        elements > maxElements || readAttributes.some((each) => written(each).length > maxValueLength);
      if (isTooMuch || element.attributes.has('xml:base')) return 'archive_unsafe';
      return take(element, (attribute) => resolveReferences(written(attribute)));
    };
  };

  const inspectMain = (target: string): ContentFlaw | null => {
    const part = canonicalPart(target.replace(/^(?:\.?\/)*/, ''));
    const [, extension = ''] = /\.([^./]*)$/.exec(part) ?? [];
    const type = types.override.get(`/${part}`) ?? types.default.get(extension) ?? '';
    if (parts.has(part) && type.includes('.macroenabled.')) return 'macros';
    return parts.has(part) && type === mainTypes[contentType] ? null : 'wrong_type';
  };

  return {
    takeEntry,
    openPart,
    end: (): ContentFlaw | null =>
      mains.length === 0 ? 'wrong_type' : (mains.map(inspectMain).find((flaw) => flaw !== null) ?? null),
  };
};
