/** How long caches and clients may keep a document that is the same for everybody, such as the public keys. */
export const publicMaxAgeSeconds = 300;
