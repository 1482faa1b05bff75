/** The results of forms. A redirect carries a name from this list; a text in the URL would be under an attacker's control. */
const notices = {
  'email-verified': 'Your e-mail address is confirmed.',
  'email-verified-elsewhere':
    'Your e-mail address is confirmed. You are not logged in to its account in this browser. If it was not you who signed up, choose “Forgot your password?” and set a new password: that logs out everyone else.',
  'choose-password': 'Your e-mail address is confirmed. Please choose a password for your account.',
  'email-changed': 'Your account has its new e-mail address. Log in with it from now on.',
  'email-changed-elsewhere':
    'The account that asked for this e-mail address now has it. You are not logged in to that account in this browser; log in to it with the new address.',
  'verification-sent':
    'If this address still needs to be confirmed, a message with a link and a code is on its way. We send at most one a minute.',
  'signed-up':
    'We have sent you a message. To complete your sign-up, open its link in this browser, or type its code here.',
  'reset-sent':
    'If there is an account with this address, a message with a link is on its way. We send at most one a minute, and the link works for 30 minutes.',
  'password-reset': 'Your new password is set, and every device is logged out. Log in with the new password.',
  'password-changed': 'Your password is changed, and your other devices are logged out.',
  'email-change-asked':
    'We have sent a message to the new address. Your account keeps its old address until the new one is confirmed.',
  'email-restored':
    'Your account has its old address again. Every device is logged out, and its password no longer works, because someone else may know it. Choose a new one here within 30 minutes; after that, use “Forgot your password?”.',
  'email-restored-before':
    'Your account has its old address again. If you have chosen a new password since, log in with it; if not, we send you a link to set one.',
  'session-ended': 'That device is logged out.',
  'identity-unlinked':
    'That way to log in is removed. Devices that are logged in stay logged in until you log them out.',
  'others-ended': 'Every other device is logged out.',
  'logged-out': 'You are logged out.',
  'session-over': 'Your session has ended. Please log in again.',
  'not-done':
    'Your session has ended, so what you have just sent was not done. Please log in again, and then send it once more.',
} as const;

export type Notice = keyof typeof notices;

export const isNotice = (name: string | undefined): name is Notice =>
  name !== undefined && Object.hasOwn(notices, name);

/** The address of a page that shows a notice. */
export const doneAt = (path: string, notice: Notice): string => `${path}?done=${notice}`;

export const noticeText = (name: string | undefined): string | undefined =>
  isNotice(name) ? notices[name] : undefined;
