const format = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'short',
  timeZone: 'UTC',
});

export const instantText = (at: Date): string => format.format(at);

export const Instant = ({ at }: { at: Date }) => (
  <time datetime={at.toISOString()}>{instantText(at)} UTC</time>
);
