/** What a redirect tells of the form before it: a name from this list, never a text from the address line. */
const notices = {
  'email-verified': 'Your e-mail address is verified.',
  'email-verified-elsewhere':
    'Your e-mail address is verified. This browser is not logged in to its account. If you did not sign up yourself, choose a new password (“Forgot your password?”): that ends every other login.',
  'choose-password':
    'Your e-mail address is verified. It was not signed up in this browser, so choose the password of your account here.',
  'verification-sent':
    'If this address is still to be verified, a message with a link and a code is on its way. There is at most one a minute.',
  'signed-up':
    'Please open the message that we have sent you: its link or its code completes your sign-up, in this browser.',
  'reset-sent':
    'If there is an account with this address, a message with a link is on its way. The link works for 30 minutes.',
  'password-reset': 'Your new password is set, and every device is logged out. Log in with the new password.',
  'password-changed': 'Your password is changed, and your other devices are logged out.',
  'email-change-asked':
    'We have sent a link to the new address. Your account keeps its present address until you open it.',
  'email-restored':
    'Your account has its old address again. Every device is logged out and the old password is gone, as someone else may know it. Choose a new one here within 30 minutes.',
  'session-ended': 'That device is logged out.',
  'identity-unlinked':
    'That way to log in is taken away. Devices that have used it stay logged in until you log them out.',
  'others-ended': 'Every other device is logged out.',
  'logged-out': 'You are logged out.',
} as const;

type Notice = keyof typeof notices;

/** A page, told what has been done. */
export const doneAt = (path: string, notice: Notice): string => `${path}?done=${notice}`;

export const noticeText = (name: string | undefined): string | undefined =>
  name !== undefined && Object.hasOwn(notices, name) ? notices[name as Notice] : undefined;
