/** What the link was for, as far as its page tells. */
export type LinkPurpose = 'confirm' | 'reset' | 'restore';

type Way = { readonly before: string; readonly href: string; readonly label: string };

const waysOn: Readonly<Record<LinkPurpose, readonly Way[]>> = {
  confirm: [
    { before: 'If you have already confirmed the address: ', href: '/account', label: 'Log in' },
    { before: 'To complete a sign-up: ', href: '/verify-email', label: 'Get a new message' },
    { before: 'To change your e-mail address: ', href: '/account', label: 'Log in and ask again' },
  ],
  reset: [{ before: '', href: '/forgot-password', label: 'Get a new link' }],
  restore: [
    {
      before: 'If you have undone the change already, and still need a password: ',
      href: '/forgot-password',
      label: 'Get a link to set one',
    },
    { before: 'If you know your password: ', href: '/account', label: 'Log in' },
  ],
};

/** For a link that does nothing: it has had its time, or it cannot be used here or now. */
export const DeadLink = ({ purpose, isGone }: { purpose: LinkPurpose; isGone: boolean }) => (
  <section>
    {isGone && <p>If we have sent you a newer message, open the link in that one.</p>}
    <ul>
      {(isGone
        ? waysOn[purpose]
        : [{ before: '', href: '/account', label: 'Log in, then open the link again' }]
      ).map(({ before, href, label }) => (
        <li>
          {before}
          <a href={href}>{label}</a>
        </li>
      ))}
    </ul>
    {isGone && purpose === 'restore' && (
      <p>
        If someone else has your account and none of this helps, write to the people who run this service.
      </p>
    )}
  </section>
);
