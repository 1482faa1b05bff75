import { Form } from '../platform/pages/form.tsx';
import { Instant, instantText } from '../platform/pages/page.tsx';
import { describeDevice, unknownDevice } from './rules/device.ts';
import type { SessionSummary } from './rules/session.ts';

const nameOf = ({ userAgent }: SessionSummary): string => {
  const device = describeDevice(userAgent);
  return device === unknownDevice ? 'Unknown device' : device;
};

const Device = ({ session }: { session: SessionSummary }) => (
  <li>
    <div>
      <p>
        <strong>{nameOf(session)}</strong>
        {session.current && ' (this device)'}
      </p>
      <p class="soft">
        Last used <Instant at={session.lastUsedAt} />
        {session.ip && `, from ${session.ip}`}
      </p>
    </div>
    {!session.current && (
      <Form
        action="/account/sessions/end"
        submit="Log out"
        of={`${nameOf(session)}, last used ${instantText(session.lastUsedAt)}`}
        hidden={{ id: session.id }}
        quiet
      />
    )}
  </li>
);

type Props = { sessions: readonly SessionSummary[]; hasMore: boolean };

/** Lists where the account is logged in; the button at the top of the page logs this device out. */
export const Devices = ({ sessions, hasMore }: Props) => (
  <section aria-labelledby="devices">
    <h2 id="devices">Where you are logged in</h2>
    <ul class="devices">
      {sessions.map((session) => (
        <Device session={session} />
      ))}
    </ul>
    {hasMore && <p class="soft">These are the newest ones; there are more.</p>}
    {sessions.some(({ current }) => !current) ? (
      <Form action="/account/logout" submit="Log out everywhere else" hidden={{ scope: 'others' }} quiet />
    ) : (
      <p class="soft">Nowhere else.</p>
    )}
  </section>
);
