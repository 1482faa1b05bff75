/** The lowest UUIDv7 of an instant (RFC 9562 section 5.7): the primary key finds what is older. */
export const firstIdAt = (instant: Date): string => {
  const hex = instant.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};
